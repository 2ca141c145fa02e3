#!/usr/bin/env bash
# `make release-test`: what dist/ holds, used as people use it, and nothing else of this tree: image and chart through a
# registry, receiverctl on bare Debian systems from the .deb and from the archive, its completions in real shells; what is for
# arm64, under qemu. Needs root.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/release/layers.sh
source "$root/test/release/layers.sh"
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
cd "$root/dist" 2>/dev/null || die "there is no dist/; make it with 'make release'"

work=$(mktemp -d)
registry=
finish() {
  [[ -z $registry ]] || kill "$registry" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

sha256sum --quiet --check SHA256SUMS || die "SHA256SUMS is not of these files"
archives=(receiverctl_*_linux_*.tar.gz)
[[ ${archives[0]} =~ ^receiverctl_(.*)_linux_ ]] || die "dist/ holds no archive of receiverctl"
version=${BASH_REMATCH[1]}

# --- image and chart, through a registry on this machine
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/registry.yaml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
YAML
docker-registry serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
registry=$!
retry 5 curl --silent --fail --output /dev/null "http://127.0.0.1:$port/v2/" || die "the registry does not answer"

export REGISTRY=127.0.0.1:$port/mirror INSECURE=1
pushed=$("$root/config/release/push.sh")
again=$("$root/config/release/push.sh")
[[ $again == "$pushed" && $pushed == *" $version"$'\n'*" $version"$'\n'* ]] || die "pushed twice, it is '$pushed' and '$again'"
# A rebuild has other bytes: here, one image in place of the index.
mkdir "$work/rebuilt"
skopeo copy --quiet "oci-archive:bitbucket-receiver_$version.oci.tar" \
  "oci-archive:$work/rebuilt/bitbucket-receiver_$version.oci.tar:$version"
cp "bitbucket-receiver-chart_$version.oci.tar" "$work/rebuilt/"
rebuilt=$(DIST=$work/rebuilt "$root/config/release/push.sh")
[[ $rebuilt == *" $version-1"$'\n'*" $version" ]] || die "a rebuilt image is pushed as '$rebuilt'"
cp "bitbucket-receiver_$version.oci.tar" "$work/rebuilt/bitbucket-receiver-chart_$version.oci.tar"
! DIST=$work/rebuilt "$root/config/release/push.sh" >"$work/log" 2>&1 || die "a chart is overwritten"
grep -q 'is another chart' "$work/log" || die "another chart is refused with other words: $(<"$work/log")"
grep -qF "$(awk '$1 == "image" { print $3 }' <<<"$pushed")" RELEASE_NOTES.md || die "the notes name another image"

inspect() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$1"; }
inspect "bitbucket-receiver:$version" >"$work/index.json"
mapfile -t platforms < <(jq --raw-output '.manifests[].platform | .os + "/" + .architecture' "$work/index.json")
((${#platforms[@]} == ${#archives[@]})) || die "the image is for ${platforms[*]}, receiverctl is ${archives[*]}"
for platform in "${platforms[@]}"; do
  arch=${platform#linux/}
  mkdir -p "$work/image-$arch"
  read -r name digest < <(sed -n "s/^image-$arch //p" <<<"$pushed") || die "the push prints no digest for $platform"
  skopeo copy --quiet --src-tls-verify=false "docker://$name@$digest" "dir:$work/image-$arch"
  for label in version revision source licenses; do
    config=$work/image-$arch/$(jq --raw-output '.config.digest' "$work/image-$arch/manifest.json" | cut -d: -f2)
    jq --exit-status ".config.Labels[\"org.opencontainers.image.$label\"] | length > 0" "$config" >/dev/null ||
      die "the image for $platform has no label $label"
  done
  [[ $(jq --raw-output .architecture "$config") == "$arch" ]] || die "the image for $platform says that it is another"
  of_layers "$work/image-$arch" --list --verbose | awk '{ print $1, $2, $6, $7, $8 }' | # rights, owner, name, and where links lead
    sed "s/$(uname -m)\|aarch64/ARCH/; s|usr/[^ ]*/ld-linux[^ ]*|LOADER|" | sort >"$work/files-$arch"
  [[ -s $work/files-$arch ]] || die "the image for $platform is empty"
done
if [[ -e $work/files-arm64 && -e $work/files-amd64 ]]; then
  diff "$work/files-amd64" "$work/files-arm64" >&2 || die "the images for amd64 and arm64 hold different files"
  say "release: the images for amd64 and arm64 hold the same $(wc -l <"$work/files-amd64") names, with the same rights"
fi
for sbom in *.spdx.json; do
  [[ -e $sbom ]] || continue
  arch=${sbom%.spdx.json} arch=${arch##*_}
  mkdir -p "$work/records-$arch"
  of_layers "$work/image-$arch" --extract --directory "$work/records-$arch" --wildcards '*dpkg/status.d/*'
  diff <(sed -s -n 's/^Package: //p; s/^Version: //p' "$work/records-$arch"/var/lib/dpkg/status.d/* | paste -d ' ' - - | sort) \
    <(jq --raw-output '.packages[] | select(any(.externalRefs[]?; .referenceLocator | startswith("pkg:deb/"))) |
      .name + " " + .versionInfo' "$sbom" | sort -u) >&2 || die "$sbom names other packages than those of the image"
  say "release: $sbom names the packages of the image, with their versions"
done
if [[ -e SHA256SUMS.sig ]]; then
  cosign=$("$root/test/cluster/binaries.sh" cosign)/cosign
  "$cosign" verify-blob --insecure-ignore-tlog --signature SHA256SUMS.sig --key env://COSIGN_PUBLIC_KEY SHA256SUMS ||
    die "SHA256SUMS.sig is not of COSIGN_PUBLIC_KEY, the public key of COSIGN_KEY"
  (cd "$work" && COSIGN_PASSWORD='' "$cosign" generate-key-pair 2>/dev/null)
  COSIGN_KEY=$(<"$work/cosign.key") COSIGN_PASSWORD='' REGISTRY=$REGISTRY/signed "$root/config/release/push.sh" >"$work/signed" \
    2>"$work/log" || die "what is pushed cannot be signed: $(<"$work/log")"
  while read -r kind name digest _; do
    "$cosign" verify --insecure-ignore-tlog --key "$work/cosign.pub" "$name@$digest" >"$work/log" 2>&1 ||
      die "$kind is not signed in the registry: $(<"$work/log")"
  done <"$work/signed"
  say "release: the signatures of $(wc -l <"$work/signed") images and charts in the registry, and of SHA256SUMS"
fi
say "release: image ${platforms[*]}, from a registry"

helm=$("$root/test/cluster/binaries.sh" helm)/helm
HOME=$work "$helm" pull "oci://$REGISTRY/charts/bitbucket-receiver" --version "$version" --plain-http \
  --destination "$work" >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  die "helm cannot pull the chart"
}
cmp "$work/bitbucket-receiver-$version.tgz" "bitbucket-receiver-$version.tgz"
HOME=$work "$helm" template release "$work/bitbucket-receiver-$version.tgz" --set baseURL=https://h \
  --set "image.repository=$REGISTRY/bitbucket-receiver" >"$work/rendered"
grep -q "image: \"\?$REGISTRY/bitbucket-receiver:$version\"\?$" "$work/rendered" ||
  die "the chart asks for another image than that of the release"
say "release: chart, from a registry"

# --- receiverctl where nothing is installed
lay_out() { # SUITE: a bare Debian in $work/SUITE, with receiverctl's packages in /dist
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed "s/bookworm/$1/g" >"$work/sources" || true
  with_progress "laying out a bare Debian $1" mmdebstrap --quiet --variant=minbase "$1" "$work/$1" "$work/sources"
  mkdir "$work/$1/dist"
  cp "receiverctl_${version}"* "$work/$1/dist/"
}
try_in() { # SUITE: runs /dist/try.sh there, with /proc, by which the loader knows where a program is
  unshare --pid --fork --mount-proc="$work/$1/proc" chroot "$work/$1" bash /dist/try.sh
}
if [[ -e receiverctl_${version}_amd64.deb ]]; then
  for suite in bookworm trixie; do
    lay_out "$suite"
    cat >"$work/$suite/dist/try.sh" <<TRY
set -e
cd /dist
tar --extract --gzip --no-same-owner --file receiverctl_${version}_linux_amd64.tar.gz
receiverctl_${version}_linux_amd64/bin/receiverctl --version
test ! -e receiverctl_${version}_linux_amd64/lib/receiverctl/libc.so.6
dpkg --install receiverctl_${version}_amd64.deb >/dev/null
receiverctl --version
kubectl-bitbucket_receiver --help | head -n 3 | grep -q 'kubectl bitbucket-receiver'
test -s /usr/share/bash-completion/completions/receiverctl
printf %s a-secret-of-sufficient-length | receiverctl url --project p --receiver r --base-url https://h --secret-file - |
  grep -q '^https://h/bitbucket/'
receiverctl check --kubeconfig /nowhere | grep -q 'kubeconfig /nowhere'
dpkg --purge receiverctl >/dev/null
test ! -e /usr/bin/receiverctl
TRY
    said=$(try_in "$suite") || die "receiverctl does not work in Debian $suite"
    [[ $said == "receiverctl $version ("*$'\n'"receiverctl $version ("* ]] || die "receiverctl in Debian $suite says: $said"
    say "release: receiverctl in a bare Debian $suite, from the archive and from the .deb"
  done
  tree=$work/bookworm/dist/receiverctl_${version}_linux_amd64

  # Where glibc is too old, its version is all that is missing: no library of C++.
  lay_out bullseye
  cat >"$work/bullseye/dist/try.sh" <<TRY
cd /dist
tar --extract --gzip --no-same-owner --file receiverctl_${version}_linux_amd64.tar.gz
! receiverctl_${version}_linux_amd64/bin/receiverctl --version || exit 1
! dpkg --install receiverctl_${version}_amd64.deb || exit 1
TRY
  said=$(try_in bullseye 2>&1) || die "receiverctl works in Debian bullseye, whose glibc is too old by its documents: $said"
  [[ $said == *"GLIBC_2.36' not found"* && $said == *'depends on libc6 (>= 2.36)'* && $said != *GLIBCXX* ]] ||
    die "in Debian bullseye, receiverctl says: $said"
  say "release: receiverctl and its .deb name the glibc that they need, in a bare Debian bullseye"

  offered() { # WORD...: what bash offers for the last of them
    bash -c 'source "$0/share/bash-completion/completions/receiverctl"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _receiverctl
      echo "${COMPREPLY[*]}"' "$tree" receiverctl "$@"
  }
  [[ $(offered rece) == receivers && $(offered receivers d) == describe && $(offered check --vi) == --via ]] ||
    die "bash completes other words"
  if command -v zsh >/dev/null; then zsh -n "$tree/share/zsh/vendor-completions/_receiverctl"; fi
  if command -v fish >/dev/null; then fish --no-execute "$tree/share/fish/vendor_completions.d/receiverctl.fish"; fi
  warnings=$(LC_ALL=C.UTF-8 man --warnings --local-file "$tree/share/man/man1/receiverctl.1.gz" 2>&1 >/dev/null)
  [[ -z $warnings ]] || die "the manual page: $warnings"
  say "release: completions, manual page"
fi

if [[ -e receiverctl_${version}_arm64.deb ]]; then
  "$root/test/release/arm64_test.sh"
  "$root/test/release/arm64_unit.sh"
fi
