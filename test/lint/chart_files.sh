#!/usr/bin/env bash
# Checks that the chart contains only real files (archivers skip symbolic links, and copies break them), and that
# config/chart/files equals the folders of config that it is copied from; with --fix, copies them.
set -euo pipefail
cd "$(dirname "$0")/../.."

links=$(find config/chart -type l)
[[ -z $links ]] || {
  echo "the chart contains symbolic links: $links" >&2
  exit 1
}
for part in alerts crd dashboards rbac; do
  if [[ ${1:-} == --fix ]]; then
    rm -rf "config/chart/files/$part"
    cp -r "config/$part" "config/chart/files/$part"
  fi
  diff --recursive "config/$part" "config/chart/files/$part" || {
    echo "config/chart/files/$part differs from config/$part: run $0 --fix" >&2
    exit 1
  }
done
