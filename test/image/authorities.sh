#!/usr/bin/env bash
# Checks that OpenSSL finds the public CAs in the image's root file system: `openssl`, installed there like the operator, trusts
# one of them. Needs no network and, if user namespaces are allowed, no root.
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
# The first CA of the bundle.
sed '/END CERTIFICATE/q' /etc/ssl/certs/ca-certificates.crt >"$work/root/one.pem"
inside /usr/bin/openssl verify /one.pem >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  die "OpenSSL finds no CAs in the image"
}
say "image: OpenSSL finds the CAs"
