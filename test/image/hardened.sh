#!/usr/bin/env bash
# hardened.sh PROGRAM...: checks that finished programs have the protections of cmake/options.cmake. It reads the programs, not
# the flags, so it also finds what a linker or a base image omits.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
(($# > 0)) || die "usage: hardened.sh PROGRAM..."

# Functions of glibc that have a checked form.
readonly fortified='__(memcpy|memmove|memset|snprintf|vsnprintf|read|fprintf|printf|sprintf|strcpy|strncpy)_chk'

for program in "$@"; do
  name=$(basename "$program")
  lacks() { die "$name: $1"; }
  headers=$(readelf --wide --file-header --segments --dynamic "$program")
  has() { grep -qE -- "$1" <<<"$headers"; }
  has 'Type: +DYN' || lacks "is not position-independent"
  has 'FLAGS_1.*\bPIE\b' || lacks "is not a position-independent executable"
  has 'GNU_RELRO' || lacks "its relocations stay writable (-z relro)"
  has 'FLAGS_1.*\bNOW\b' || lacks "binds lazily (-z now)"
  has 'GNU_STACK.* RW ' || lacks "its stack is executable (-z noexecstack)"
  ! has 'LOAD.* RWE ' || lacks "a segment is writable and executable"
  ! has 'RPATH|RUNPATH' || lacks "searches libraries in a path of its own"

  symbols=$(readelf --wide --dyn-syms "$program")
  grep -q '__stack_chk_fail' <<<"$symbols" || lacks "has no stack protector"
  grep -qE "$fortified" <<<"$symbols" || lacks "calls no checked function of glibc (-D_FORTIFY_SOURCE)"
  grep -qaF '__n < this->size()' "$program" || lacks "checks no index of the standard library (-D_GLIBCXX_ASSERTIONS)"

  if readelf --file-header "$program" | grep -q 'X86-64'; then
    code=$(objdump --disassemble --no-show-raw-insn "$program")
    targets=$(grep -c 'endbr64' <<<"$code" || true)
    ((targets > 500)) || lacks "marks only $targets targets of indirect calls (-fcf-protection)"
    grep -qE 'orq +[$]0x0,(0x[0-9a-f]+)?\(%rsp' <<<"$code" || lacks "does not probe large stack frames (-fstack-clash-protection)"
  fi
  say "$name: hardened"
done
