#!/usr/bin/env bash
# Installs the Debian packages that are missing. Asks dpkg every time: that takes a moment, and a removed package is
# noticed.
#
#   install.sh [GROUP...]   of the groups below; by default what the build, the tests and the lint need
#   install.sh --list GROUP   prints the group's packages, between commas
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

# shellcheck disable=SC2034 # the groups are taken by name
{
  libraries=(
    libboost-dev libcli11-dev libcpprest-dev libexpected-dev libfmt-dev libre2-dev libssl-dev
    libyaml-cpp-dev prometheus-cpp-dev rapidjson-dev zlib1g-dev
  )
  build=(cmake g++ make ninja-build ccache pkg-config "${libraries[@]}")
  tests=(catch2 libbenchmark-dev clang-16 clang-format-16 clang-tidy-16 libclang-rt-16-dev llvm-16 shellcheck)
  # The control plane and its scripts; Python's venv brings a Go toolchain where there is none.
  cluster=(ca-certificates curl openssl python3 python3-venv util-linux)
  collect=(ca-certificates) # what goes into the image and is not built
  image=(buildah jq openssl)
  bare=(mmdebstrap)
  release=(jq patchelf)
  arm64=(g++-aarch64-linux-gnu mmdebstrap)
  release_push=(jq skopeo)
  release_test=(docker-registry jq man-db mmdebstrap skopeo)
  alerts=(prometheus) # promtool
  chaos=(iproute2 iptables)
  node=(containerd containernetworking-plugins conntrack iproute2 iptables runc)
}

if [[ ${1:-} == --list ]]; then
  declare -n members=$2
  IFS=, && echo "${members[*]}"
  exit 0
fi
(($#)) || set -- build tests cluster
packages=()
for group in "$@"; do
  [[ -v $group ]] || die "$0 knows no group $group"
  declare -n members=$group
  packages+=("${members[@]}")
done

command -v dpkg-query >/dev/null ||
  die "this is no Debian system (no dpkg-query): install the equivalents of these packages yourself: ${packages[*]}"

installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' | awk '$2 == "installed" { print $1 }')
mapfile -t missing < <(comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) <(sort -u <<<"$installed"))
((${#missing[@]})) || exit 0

((EUID == 0)) || die "these Debian packages are missing, and only root can install them: apt-get install ${missing[*]}"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { # its output matters only when it fails
  "$@" >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    return 1
  }
}
export DEBIAN_FRONTEND=noninteractive
with_progress "updating the package lists" retry 3 quietly apt-get update
say "missing Debian packages: ${missing[*]}"
with_progress "installing ${#missing[@]} Debian packages" \
  retry 3 quietly apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
