#!/usr/bin/env bash
# `make release-push`: what dist/ holds, to the registry REGISTRY (HOST/PATH): the image as bitbucket-receiver, the chart as
# charts/bitbucket-receiver. What is there already stays as it is: an image of newer Debian packages gets the next free tag,
# VERSION-N; another chart of the same version is refused. Prints "image NAME DIGEST TAG" and "chart NAME DIGEST TAG".
#
#   REGISTRY_USERNAME, REGISTRY_PASSWORD   where it wants them
#   DIST                                   another folder than dist/
#   INSECURE=1                             a registry without TLS, as the tests' on this machine
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
: "${REGISTRY:?is to be HOST/PATH of the registry}"
cd "${DIST:-$root/dist}"
archives=(bitbucket-receiver-chart_*.oci.tar)
[[ ${archives[0]} =~ _(.*)\.oci\.tar$ ]] || die "dist/ holds no release; make it with 'make release'"
version=${BASH_REMATCH[1]}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tls=$([[ -z ${INSECURE:-} ]] && echo true || echo false)
if [[ -n ${REGISTRY_USERNAME:-} ]]; then
  export REGISTRY_AUTH_FILE=$work/auth.json
  skopeo login --tls-verify="$tls" --username "$REGISTRY_USERNAME" --password-stdin "${REGISTRY%%/*}" \
    <<<"$REGISTRY_PASSWORD" >&2
fi

digest_in() { skopeo inspect --raw "$@" | sha256sum | sed 's/\([0-9a-f]*\).*/sha256:\1/'; }

push() { # KIND ARCHIVE NAME
  local name=$REGISTRY/$3 digest there tags tag=$version next=0
  digest=$(digest_in "oci-archive:$2")
  # A repository that does not exist yet has no tags; any other failure comes again, and is told, when it is written to.
  tags=$(skopeo list-tags --tls-verify="$tls" "docker://$name" 2>/dev/null | jq --raw-output '.Tags[]') || tags=
  while grep -qxF "$tag" <<<"$tags"; do
    there=$(digest_in --tls-verify="$tls" "docker://$name:$tag")
    [[ $there != "$digest" ]] || break
    [[ $1 == image ]] || die "$name:$tag is another chart than that of dist/"
    tag=$version-$((++next))
  done
  [[ ${there:-} == "$digest" ]] ||
    skopeo copy --quiet --all --preserve-digests --dest-tls-verify="$tls" "oci-archive:$2" "docker://$name:$tag"
  echo "$1 $name $digest $tag"
}
push image "bitbucket-receiver_$version.oci.tar" bitbucket-receiver
push chart "bitbucket-receiver-chart_$version.oci.tar" charts/bitbucket-receiver
