#!/usr/bin/env bash
# Creates the part of Debian 12 for arm64 that cross-compiling needs in ~/.cache/bitbucket-receiver/sysroot-arm64, and prints
# that path. It only unpacks packages and runs none of them; it writes dpkg's records for collect.sh. REFRESH=1 downloads newer
# packages; without it, an existing sysroot is used again.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/../../test/cluster/lib.sh"

readonly cached=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver/sysroot-arm64
packages=$("$here/../../test/cluster/install.sh" --list libraries),libc6-dev,libstdc++-12-dev,catch2,libbenchmark-dev
if [[ -n ${REFRESH:-} || $(cat "$cached/packages" 2>/dev/null) != "$packages" ]]; then
  rm -rf "$cached"
  mkdir -p "${cached%/*}"
  work=$(mktemp -d "$cached.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources >"$work/sources" 2>/dev/null || true
  with_progress "laying out Debian for arm64" retry 3 mmdebstrap --quiet --variant=extract --architectures=arm64 \
    --include="$packages" --extract-hook="$here/dpkg_records.sh \"\$1\"" bookworm "$work/root" "$work/sources"
  echo "$packages" >"$work/root/packages"
  mv "$work/root" "$cached"
fi
echo "$cached"
