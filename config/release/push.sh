#!/usr/bin/env bash
# `make release-push`: pushes the image and the chart of dist/ to the registry REGISTRY (HOST/PATH), as bitbucket-receiver and
# charts/bitbucket-receiver. Existing tags are never overwritten: an image with newer Debian packages gets the next free tag,
# VERSION-N; a different chart of the same version is an error. Prints "image NAME DIGEST TAG", "chart NAME DIGEST TAG", and
# "image-ARCH NAME DIGEST" for each architecture.
#
#   REGISTRY_USERNAME, REGISTRY_PASSWORD   if the registry needs them
#   COSIGN_KEY, COSIGN_PASSWORD            as for `make release`: also sign image and chart in the registry
#   DIST                                   folder of the release, dist/ by default
#   INSECURE=1                             the registry has no TLS (for tests)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
: "${REGISTRY:?must be HOST/PATH of the registry}"
cd "${DIST:-$root/dist}"
archives=(bitbucket-receiver-chart_*.oci.tar)
[[ ${archives[0]} =~ _(.*)\.oci\.tar$ ]] || die "dist/ holds no release; make it with 'make release'"
version=${BASH_REMATCH[1]}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tls=$([[ -z ${INSECURE:-} ]] && echo true || echo false)
if [[ -n ${COSIGN_KEY:-} ]]; then cosign=$("$root/test/cluster/binaries.sh" cosign)/cosign; fi
if [[ -n ${REGISTRY_USERNAME:-} ]]; then
  export REGISTRY_AUTH_FILE=$work/auth.json
  skopeo login --tls-verify="$tls" --username "$REGISTRY_USERNAME" --password-stdin "${REGISTRY%%/*}" \
    <<<"$REGISTRY_PASSWORD" >&2
  if [[ -n ${COSIGN_KEY:-} ]]; then # it names Docker's registry otherwise
    export DOCKER_CONFIG=$work
    "$cosign" login --username "$REGISTRY_USERNAME" --password-stdin "${REGISTRY%%/*}" <<<"$REGISTRY_PASSWORD" >&2
  fi
fi

digest_in() { skopeo inspect --raw "$@" | sha256sum | sed 's/\([0-9a-f]*\).*/sha256:\1/'; }

push() { # KIND ARCHIVE NAME
  local name=$REGISTRY/$3 digest there tags tag=$version next=0
  digest=$(digest_in "oci-archive:$2")
  # A repository that does not exist yet has no tags. Any other failure repeats, and is reported, at the push.
  tags=$(skopeo list-tags --tls-verify="$tls" "docker://$name" 2>/dev/null | jq --raw-output '.Tags[]') || tags=
  while grep -qxF "$tag" <<<"$tags"; do
    there=$(digest_in --tls-verify="$tls" "docker://$name:$tag")
    [[ $there != "$digest" ]] || break
    [[ $1 == image ]] || die "$name:$tag is another chart than that of dist/"
    tag=$version-$((++next))
  done
  [[ ${there:-} == "$digest" ]] ||
    skopeo copy --quiet --all --preserve-digests --dest-tls-verify="$tls" "oci-archive:$2" "docker://$name:$tag"
  [[ -z ${COSIGN_KEY:-} ]] || "$cosign" sign --yes --recursive --tlog-upload=false --key env://COSIGN_KEY "$name@$digest" >&2
  echo "$1 $name $digest $tag"
}
push image "bitbucket-receiver_$version.oci.tar" bitbucket-receiver
push chart "bitbucket-receiver-chart_$version.oci.tar" charts/bitbucket-receiver
skopeo inspect --raw "oci-archive:bitbucket-receiver_$version.oci.tar" |
  jq --raw-output --arg name "$REGISTRY/bitbucket-receiver" \
    '.manifests[]? | "image-\(.platform.architecture) \($name) \(.digest)"'
