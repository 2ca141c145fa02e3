#!/usr/bin/env bash
# Installs missing Debian packages. It asks dpkg every time, which is fast, and notices removed packages.
#
#   install.sh [GROUP...]     packages of the groups below; by default those for the build, the tests and the lint
#   install.sh --list GROUP   prints the group's packages, separated by commas
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

# shellcheck disable=SC2034 # the groups are used by name
{
  libraries=(
    libboost-dev libcli11-dev libcpprest-dev libexpected-dev libfmt-dev libre2-dev libssl-dev
    libyaml-cpp-dev prometheus-cpp-dev rapidjson-dev zlib1g-dev
  )
  build=(cmake g++ make ninja-build ccache pkg-config "${libraries[@]}")
  tests=(catch2 codespell libbenchmark-dev clang-16 clang-format-16 clang-tidy-16 libclang-rt-16-dev llvm-16 shellcheck)
  # The control plane and its scripts. Python's venv installs a Go toolchain if there is none.
  cluster=(ca-certificates curl openssl python3 python3-venv util-linux)
  collect=(ca-certificates) # parts of the image that are not built
  image=(buildah jq openssl)
  bare=(mmdebstrap)
  release=(jq patchelf)
  arm64=(g++-aarch64-linux-gnu mmdebstrap)
  arm64_test=(jq qemu-user-static skopeo)
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
  [[ -v $group ]] || die "$0: unknown group $group"
  declare -n members=$group
  packages+=("${members[@]}")
done

command -v dpkg-query >/dev/null ||
  die "this is not a Debian system (no dpkg-query): install the equivalents of these packages yourself: ${packages[*]}"

installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' | awk '$2 == "installed" { print $1 }')
mapfile -t missing < <(comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) <(sort -u <<<"$installed"))
((${#missing[@]})) || exit 0

((EUID == 0)) || die "these Debian packages are missing, and only root can install them: run apt-get install ${missing[*]}"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { # shows output only on failure
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
