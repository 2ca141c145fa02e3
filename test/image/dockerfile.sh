#!/usr/bin/env bash
# Builds the whole Dockerfile as `docker build` does, in a bare Debian 12 with this machine's apt settings: it needs no registry,
# and uses none of this machine's packages or builds. The image must contain files with the same names, types and permissions as
# that of `make image` (its packages may be newer), and its programs must run. Nothing is cached, so it takes minutes: run it by
# hand, as root.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
# shellcheck source=test/image/lib.sh
source "$root/test/image/lib.sh"

"$root/test/cluster/install.sh" image bare
archive=$root/build/image/bitbucket-receiver.tar
[[ -s $archive ]] || die "$archive does not exist; build it with 'make image'"
mkdir -p "$root/build/image"
work=$(mktemp -d "$root/build/image/XXXXXX")
trap 'rm -rf "$work"' EXIT
builder() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

lay_out_debian() {
  mmdebstrap --quiet --variant=minbase --customize-hook='copy-in /etc/apt /etc' \
    --customize-hook='copy-in /usr/share/keyrings /usr/share' bookworm "$work/debian.tar"
  printf 'FROM scratch\nADD debian.tar /\n' >"$work/Dockerfile.debian"
  builder build --quiet --file "$work/Dockerfile.debian" --tag debian:bare "$work"
}

commit=$(git -C "$root" rev-parse --short=12 HEAD)
git clone --quiet --shared "$root" "$work/source"
with_progress "laying out a bare Debian" lay_out_debian >/dev/null
with_progress "building the Dockerfile" builder build --isolation chroot --build-arg BUILD_IMAGE=debian:bare \
  --build-arg BUILT="$("$root/config/release/version.sh")" --timestamp 0 --tag bitbucket-receiver "$work/source" >"$work/log" 2>&1 || {
  tail -n 30 "$work/log" >&2
  die "the Dockerfile cannot be built"
}
builder push --quiet bitbucket-receiver "docker-archive:$work/image.tar"

files_of "$archive" "$work/made"
files_of "$work/image.tar" "$work/docker"
names_of() { find "$1" -printf '%P %y %m %l\n' | sort; }
diff <(names_of "$work/made") <(names_of "$work/docker") >&2 || die "the two images contain different files"
for program in bitbucket-receiver receiverctl; do
  chroot "$work/docker" "/usr/bin/$program" --version
done
say "Dockerfile: of commit $commit it gives the $(find "$work/docker" -type f | wc -l) files that 'make image' gives"
