#!/usr/bin/env bash
# Checks the format of every C++ file, including the order of includes (.clang-format); with --fix, formats them.
set -euo pipefail
cd "$(dirname "$0")/../.."

arguments=(--dry-run -Werror)
[[ ${1:-} != --fix ]] || arguments=(-i)
mapfile -d '' -t files < <(find pkg cmd controllers webhook test -name '*.h' -print0 -o -name '*.cpp' -print0)
clang-format-16 "${arguments[@]}" "${files[@]}"
echo "format: ${#files[@]} files"
