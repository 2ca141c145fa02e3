#!/usr/bin/env bash
# In the root file system that the image is made of, OpenSSL finds the public authorities by itself: `openssl`, laid out
# there as the operator is, believes one of them. Needs neither network nor, where user namespaces are allowed, root.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
inside() {
  local enter=()
  ((EUID == 0)) || enter=(unshare --map-root-user)
  env -u SSL_CERT_FILE -u SSL_CERT_DIR "${enter[@]}" chroot "$work/root" "$@"
}

"$root/config/image/collect.sh" "$(command -v openssl)" "$work/root"
# The first of the bundle.
sed '/END CERTIFICATE/q' /etc/ssl/certs/ca-certificates.crt >"$work/root/one.pem"
inside /usr/bin/openssl verify /one.pem >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  die "in the image OpenSSL finds no authorities"
}
say "image: OpenSSL finds the authorities"
