#!/usr/bin/env bash
# Checks the contents of the image: an unprivileged user, both programs, the CAs; no shell, no package manager, nothing that
# grants more rights.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
# shellcheck source=test/image/lib.sh
source "$root/test/image/lib.sh"

archive=$root/build/image/bitbucket-receiver.tar
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files_of "$archive" "$work/root"

expect() { # WHAT WANTED IS
  [[ $2 == "$3" ]] || die "image: $1: '$3' instead of '$2'"
}
expect user 65532:65532 "$(config_of "$archive" .User)"
expect entrypoint /usr/bin/bitbucket-receiver "$(config_of "$archive" '.Entrypoint | join(" ")')"
expect programs $'bitbucket-receiver\nreceiverctl' "$(ls "$work/root/usr/bin")"
expect 'programs elsewhere' '' "$(find "$work/root" -path '*/bin/*' ! -path "$work/root/usr/bin/*" -o -path '*/sbin/*')"
expect 'files of more rights' '' "$(find "$work/root" -perm /6000)"
expect 'files that others may write' '' "$(find "$work/root" ! -type l -perm /022)"
links_cpprest() { readelf --dynamic "$work/root/usr/bin/$1" | grep -c 'NEEDED.*libcpprest' || true; }
expect 'receiverctl links cpprestsdk' 1 "$(links_cpprest receiverctl)"
expect 'the operator links cpprestsdk' 0 "$(links_cpprest bitbucket-receiver)"
"$root/test/image/hardened.sh" "$work"/root/usr/bin/*
[[ -s $work/root/etc/ssl/certs/ca-certificates.crt ]] || die "image: the CAs are missing"
expect distribution debian "$(sed -n 's/^ID=//p' "$work/root/etc/os-release")" # scanners match packages by it
say "image: unprivileged, two programs, no shell"
