#!/usr/bin/env bash
# `make release`: creates the files of a release in dist/. The same commit and Debian packages give the same bytes.
#
#   VERSION      the expected version; an error if config/release/version.sh says another
#   ARCH         amd64, arm64, or both (the default)
#   SBOM         1: also write an SPDX list of the image's contents, with syft (compiled once)
#   COSIGN_KEY   private key that signs SHA256SUMS, not the name of its file (password in COSIGN_PASSWORD)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
cd "$root"

read -r version commit _ < <("$here/version.sh")
read -ra archs <<<"${ARCH:-amd64 arm64}"
[[ ${VERSION:-$version} == "$version" ]] ||
  die "this commit is $version, not $VERSION; a release is the commit with its tag: git tag -a v$VERSION"
[[ -z $(git status --porcelain) ]] || die "there are uncommitted changes: commit them first"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

dist=$root/dist
rm -rf "$dist"
mkdir -p "$dist"
work=$(mktemp -d "$root/build/release.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The section of this version; between releases, the section Unreleased, if there is one.
heading=$version
[[ $version != *-dev.* ]] || heading=Unreleased
awk -v heading="## [$heading]" 'index($0, heading) == 1 { on = 1; next } /^## |^\[.*\]: / { on = 0 } on' CHANGELOG.md \
  >"$dist/RELEASE_NOTES.md"
[[ $version == *-dev.* ]] || grep -q '[^[:space:]]' "$dist/RELEASE_NOTES.md" || die "CHANGELOG.md has no section [$heading]"

layouts=()
for arch in "${archs[@]}"; do
  IMAGE=localhost/bitbucket-receiver:$version ARCH=$arch LAYOUT=$work/$arch "$root/config/image/build.sh" | tail -n 1
  layouts+=("$work/$arch")
  "$here/package.sh" "$arch" "$version" "$dist"
done
image=$("$here/layout.py" image "$dist/bitbucket-receiver_$version.oci.tar" "$version" "${layouts[@]}")
printf '\nDigest of the image, as the value image.digest of the chart pins it: %s\n' "$image" >>"$dist/RELEASE_NOTES.md"

# Not with `helm package`, which writes the current time into the archive.
cp -r config/chart "$work/bitbucket-receiver"
sed -i "s/^version: .*/version: $version/; s/^appVersion: .*/appVersion: $version/" "$work/bitbucket-receiver/Chart.yaml"
chart=$dist/bitbucket-receiver-$version.tgz
"$here/tar.sh" "$work" bitbucket-receiver | gzip --best --no-name >"$chart"
"$here/layout.py" chart "$dist/bitbucket-receiver-chart_$version.oci.tar" "$version" "$chart" >/dev/null

"$here/krew.sh" "$version" "$dist" >"$dist/krew.yaml"

if [[ ${SBOM:-} == 1 ]]; then
  syft=$("$root/test/cluster/binaries.sh" syft)/syft
  syft_version=$(awk '$1 == "github.com/anchore/syft" { print $2; exit }' "$root/test/cluster/syft/go.mod")
  for arch in "${archs[@]}"; do
    # syft would write a new name and time on every run, and the name of this folder. It does not know its version.
    "$syft" scan "oci-dir:$work/$arch" --source-name bitbucket-receiver --source-version "$version" --output spdx-json |
      jq --sort-keys \
        --arg time "$(date --utc --date="@$SOURCE_DATE_EPOCH" +%FT%TZ)" --arg tool "syft-$syft_version" \
        --arg namespace "https://bitbucket-receiver.example/sbom/$version-$commit-$arch" \
        '.creationInfo += {created: $time, creators: ["Tool: \($tool)"]} | .documentNamespace = $namespace' \
        >"$dist/bitbucket-receiver_${version}_$arch.spdx.json"
  done
fi

(cd "$dist" && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)
if [[ -n ${COSIGN_KEY:-} ]]; then
  cosign=$("$root/test/cluster/binaries.sh" cosign)/cosign
  "$cosign" sign-blob --yes --tlog-upload=false --key env://COSIGN_KEY --output-signature "$dist/SHA256SUMS.sig" \
    "$dist/SHA256SUMS"
fi

cat "$dist/SHA256SUMS"
[[ ${SBOM:-} == 1 ]] || say "release: without SBOM (SBOM=1 makes one)"
[[ -n ${COSIGN_KEY:-} ]] || say "release: unsigned (COSIGN_KEY signs it)"
say "release: $version of commit $commit for ${archs[*]} in dist"
