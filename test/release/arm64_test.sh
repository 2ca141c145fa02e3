#!/usr/bin/env bash
# Part of `make release-test`: runs under qemu what dist/ holds for arm64: the programs of the image and of receiverctl's archive,
# and the image's operator against a real API server, with one signed push.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
# shellcheck source=test/release/layers.sh
source "$root/test/release/layers.sh"
cd "$root"
test/cluster/install.sh arm64 arm64_test
archives=(dist/receiverctl_*_linux_arm64.tar.gz)
[[ ${archives[0]} =~ _(.*)_linux_ ]] || die "dist/ holds no archive of receiverctl for arm64"
version=${BASH_REMATCH[1]}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
emulate() { qemu-aarch64-static -L "$@"; } # ROOT PROGRAM ARGUMENT...; the libraries come from ROOT

skopeo copy --quiet --override-arch arm64 "oci-archive:dist/bitbucket-receiver_$version.oci.tar:$version" "dir:$work/image"
mkdir "$work/root" "$work/archive"
of_layers "$work/image" --extract --directory "$work/root"
tar --extract --gzip --file "${archives[0]}" --directory "$work/archive" --strip-components=1

# The archive brings all libraries except glibc's, which every system of this age has; here, Debian's.
sysroot=$(config/release/sysroot.sh)
mkdir -p "$work/glibc/lib/aarch64-linux-gnu"
cp --dereference "$sysroot/lib/ld-linux-aarch64.so.1" "$work/glibc/lib/"
cp "$sysroot"/lib/aarch64-linux-gnu/lib{c,m,dl,rt,pthread,resolv}.so.* "$work/glibc/lib/aarch64-linux-gnu/"

says_its_version() { # ROOT PROGRAM
  local said
  said=$(emulate "$1" "$2" --version) || die "$(basename "$2") for arm64 does not run"
  [[ $said == "$(basename "$2") $version ("* ]] || die "$(basename "$2") for arm64 says: $said"
}
says_its_version "$work/root" "$work/root/usr/bin/bitbucket-receiver"
says_its_version "$work/root" "$work/root/usr/bin/receiverctl"
says_its_version "$work/glibc" "$work/archive/bin/receiverctl"
test/image/hardened.sh "$work"/root/usr/bin/*
url=$(printf %s a-secret-of-sufficient-length |
  emulate "$work/glibc" "$work/archive/bin/receiverctl" url --project p --receiver r --base-url https://h --secret-file -)
[[ $url == https://h/bitbucket/* ]] || die "receiverctl of the archive for arm64 computes no URL"
say "arm64: the programs of image and archive run"

cat >"$work/operator" <<SCRIPT
#!/bin/sh
exec qemu-aarch64-static -L "$work/root" "$work/root/usr/bin/bitbucket-receiver" "\$@"
SCRIPT
chmod +x "$work/operator"
env -u KUBECONFIG OPERATOR="$work/operator" RUN_SECONDS=5 test/cluster/run.py >"$work/log" 2>&1 || {
  tail -n 40 "$work/log" >&2
  die "the operator for arm64 answers no signed push"
}
say "arm64: $(grep -o 'signed push .*' "$work/log" | tr -s ' ')"
