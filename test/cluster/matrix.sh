#!/usr/bin/env bash
# `make matrix`: runs the integration and chart tests against the oldest and the newest Kubernetes that the chart supports.
# Prints a row for the table of docs/compatibility.md for each. Output of failed tests is in build/matrix.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

mkdir -p "$root/build/matrix"
status=0
result() { # NAME COMMAND...
  local log=$root/build/matrix/$1.log
  shift
  if "$@" >"$log" 2>&1; then echo passed; else echo "failed, see $log"; fi
}

rows=()
for version in oldest newest; do
  KUBEBUILDER_ASSETS=$("$here/binaries.sh" "$version")
  export KUBEBUILDER_ASSETS
  name=$("$KUBEBUILDER_ASSETS/kube-apiserver" --version)
  say "$name: running the integration tests, then the chart tests"
  row="| ${name#Kubernetes v} | $(result "$version-integration" "${INTEGRATION:-$root/build/release/integration}") |"
  row+=" $(result "$version-chart" "$root/test/chart/chart_test.py") |"
  rows+=("$row")
  [[ $row != *failed* ]] || status=1
done
printf '| Kubernetes | integration tests | chart |\n|---|---|---|\n'
printf '%s\n' "${rows[@]}"
exit "$status"
