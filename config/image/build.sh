#!/usr/bin/env bash
# Packs bitbucket-receiver and receiverctl of build/release as an image, without any registry or daemon:
# build/image/bitbucket-receiver.tar, a docker-archive (`docker load`, `ctr images import`). The same sources and Debian
# packages give the same bytes: all times in it are the commit's. Prints contents and size.
#
#   ARCH         amd64 by default; arm64 packs build/arm64 as build/image/bitbucket-receiver-arm64.tar
#   IMAGE        name of the image, localhost/bitbucket-receiver:VERSION by default
#   BASE_IMAGE   base image, none by default
#   LAYOUT       also write the image to this folder, as an OCI layout
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

arch=${ARCH:-amd64} build=$root/build/release archive=$root/build/image/bitbucket-receiver.tar
if [[ $arch == arm64 ]]; then
  build=$root/build/arm64 archive=$root/build/image/bitbucket-receiver-arm64.tar
  SYSROOT=$("$root/config/release/sysroot.sh")
  export SYSROOT
fi
binaries=("$build/bitbucket-receiver" "$build/receiverctl")
for binary in "${binaries[@]}"; do
  [[ -x $binary ]] || die "$binary does not exist; build it with 'make build-$arch'"
done
read -r version commit _ < <("$root/config/release/version.sh")
# The tag that the chart in this tree uses.
image=${IMAGE:-localhost/bitbucket-receiver:$(sed -n 's/^appVersion: *//p' "$root/config/chart/Chart.yaml")}
source=$(sed -n '/^sources:/{n;s/^ *- *//p}' "$root/config/chart/Chart.yaml")
epoch=$(git -C "$root" log -1 --format=%ct)

mkdir -p "$root/build/image"
work=$(mktemp -d "$root/build/image/XXXXXX")
trap 'rm -rf "$work"' EXIT
builder() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

"$here/collect.sh" "${binaries[@]}" "$work/root"
labels=()
for label in title=bitbucket-receiver version="$version" revision="$commit" source="$source" licenses=Apache-2.0; do
  labels+=(--label "org.opencontainers.image.$label")
done
builder build --quiet --isolation chroot --timestamp "$epoch" --build-arg "BASE_IMAGE=${BASE_IMAGE:-scratch}" \
  --arch "$arch" "${labels[@]}" \
  --build-context "root=$work/root" --tag "$image" "$root" >/dev/null
rm -f "$archive"
builder push --quiet "$image" "docker-archive:$archive:$image"
[[ -z ${LAYOUT:-} ]] || builder push --quiet "$image" "oci:$LAYOUT"

echo "contents of $image:"
tar --extract --to-stdout --file "$archive" manifest.json | jq --raw-output '.[].Layers[]' | while read -r layer; do
  tar --extract --to-stdout --file "$archive" "$layer" | tar --list --verbose
done | grep -v '/$\|usr/share/doc\|var/lib/dpkg' | awk '{ printf "%10d  %s\n", $3, substr($0, index($0, $6)) }'
echo "$(($(stat --format %s "$archive") / 1024)) KiB, sha256 $(sha256sum "$archive" | cut -d' ' -f1): ${archive#"$root/"}"
