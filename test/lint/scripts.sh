#!/usr/bin/env bash
# Runs shellcheck over every shell script, found by its first line.
set -euo pipefail
cd "$(dirname "$0")/../.."

mapfile -t files < <(git ls-files --cached --others --exclude-standard |
  while read -r file; do
    if [[ -f $file ]] && head -n 1 -- "$file" | grep -qa '^#!.*sh$\|^# shellcheck shell='; then echo "$file"; fi
  done)
shellcheck --external-sources "${files[@]}"
echo "scripts: ${#files[@]} files"
