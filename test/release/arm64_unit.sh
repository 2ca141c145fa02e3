#!/usr/bin/env bash
# Part of `make release-test`: compiles the unit tests for arm64, which is 7 minutes of one core, and runs them under qemu, which
# is 20.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
cd "$root"
test/cluster/install.sh build arm64 arm64_test

# Tests that cannot work under qemu, and why.
slow="qemu is slow, and the test"
declare -A impossible=(
  ["threads are counted as they start and end"]="qemu writes /proc/self/stat itself, without the number of threads"
  ["without IPv6 all addresses are those of IPv4, and no other address is replaced"]="qemu has no seccomp, which hides IPv6 here"
  ["a plugin that cannot be run is named, with its hint"]="qemu makes fork of vfork, so posix_spawn cannot report exec's error"
  ["a thousand idle watches are small, also after each has seen an event of a megabyte"]="$slow reads a thousand events of a megabyte, twice"
  ["a thousand namespaces whose Secrets are a megabyte each are read few at a time"]="$slow reads a thousand lists of a megabyte, twice"
  ["of a Secret that nobody keeps no byte is left in memory"]="$slow reads all memory, qemu's too: it did not end in minutes"
  ["many repositories take no time"]="$slow allows 30 s; it took 87 s"
  ["with 2,000 Warehouses each command is quick, and does not flood a terminal"]="$slow allows 2 s of CPU time; it took up to 103 s"
  ["whatever happens: no acknowledgement without a later PATCH, and nothing is lost"]="$slow runs 30 simulations of minutes"
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
QEMU_LD_PREFIX=$(config/release/sysroot.sh) # CMake runs the tests, too, to ask for their cases
export QEMU_LD_PREFIX

compile_tests() {
  cmake --preset arm64 -DBUILD_TESTING=ON >/dev/null
  mapfile -t tests < <(ninja -C build/arm64 -t targets all | sed -n 's/^\(unit_[^:]*\): .*EXECUTABLE.*/\1/p')
  ((${#tests[@]})) || die "CMake knows no unit tests"
  cmake --build build/arm64 --target "${tests[@]}" --parallel "${JOBS:-$(nproc)}" >"$work/log" || {
    tail -n 30 "$work/log" >&2
    die "the unit tests cannot be compiled for arm64"
  }
}
with_progress "compiling the unit tests for arm64" compile_tests

known=0 failed=()
for name in "${tests[@]}"; do
  mapfile -t cases < <(qemu-aarch64-static "build/arm64/$name" --list-test-names-only)
  left_out=()
  for case in "${cases[@]}"; do
    reason=${impossible[$case]:-}
    [[ -n $reason ]] || continue
    left_out+=("~${case//,/\\,}")
    say "arm64: $name: without '$case': $reason"
    ((++known))
  done
  if timeout 1800 qemu-aarch64-static "build/arm64/$name" "${left_out[@]}" >"$work/log" 2>&1; then
    say "arm64: $name: $(tail -n 2 "$work/log" | head -n 1)"
  else
    tail -n 60 "$work/log" >&2
    failed+=("$name")
  fi
done
((${#failed[@]} == 0)) || die "fail on arm64: ${failed[*]}"
((known == ${#impossible[@]})) || die "only $known of the ${#impossible[@]} tests that are left out exist"
