#!/usr/bin/env bash
# Packs bitbucket-receiver and receiverctl of build/release as an image, without any registry or daemon:
# build/image/bitbucket-receiver.tar, a docker-archive (`docker load`, `ctr images import`). The same sources and Debian
# packages give the same bytes: every time in it is that of the commit. Prints contents and size.
#
#   IMAGE        its name, localhost/bitbucket-receiver:VERSION by default
#   BASE_IMAGE   what it is laid on, nothing by default
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

binaries=("$root/build/release/bitbucket-receiver" "$root/build/release/receiverctl")
for binary in "${binaries[@]}"; do
  [[ -x $binary ]] || die "$binary does not exist; build it with 'make build'"
done
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
image=${IMAGE:-localhost/bitbucket-receiver:$version}
epoch=$(git -C "$root" log -1 --format=%ct)
archive=$root/build/image/bitbucket-receiver.tar

mkdir -p "$root/build/image"
work=$(mktemp -d "$root/build/image/XXXXXX")
trap 'rm -rf "$work"' EXIT
builder() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

"$here/collect.sh" "${binaries[@]}" "$work/root"
builder build --quiet --isolation chroot --timestamp "$epoch" --build-arg "BASE_IMAGE=${BASE_IMAGE:-scratch}" \
  --build-context "root=$work/root" --tag "$image" "$root" >/dev/null
rm -f "$archive"
builder push --quiet "$image" "docker-archive:$archive:$image"

echo "contents of $image:"
tar --extract --to-stdout --file "$archive" manifest.json | jq --raw-output '.[].Layers[]' | while read -r layer; do
  tar --extract --to-stdout --file "$archive" "$layer" | tar --list --verbose
done | grep -v '/$\|usr/share/doc\|var/lib/dpkg' | awk '{ printf "%10d  %s\n", $3, substr($0, index($0, $6)) }'
echo "$(($(stat --format %s "$archive") / 1024)) KiB, sha256 $(sha256sum "$archive" | cut -d' ' -f1): ${archive#"$root/"}"
