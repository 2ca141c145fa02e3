#!/usr/bin/env bash
# Checks .github/workflows with actionlint, that every third-party action is pinned to a commit, and that pull requests run all
# steps of the gate.
set -euo pipefail
cd "$(dirname "$0")/../.."

actionlint=$(test/cluster/binaries.sh actionlint)/actionlint
"$actionlint" .github/workflows/*.yaml
loose=$(grep -nE '^ *-? *uses: ' .github/workflows/*.yaml | grep -vE 'uses: [^ @]+@[0-9a-f]{40}( |$)' || true)
[[ -z $loose ]] || {
  echo "actions that are not pinned to a commit: $loose" >&2
  exit 1
}
sed -n 's/^step make \([a-z0-9-]*\).*/\1/p' .ci/run | while read -r target; do
  case $target in install | control-plane | bench) continue ;; esac # part of others, or run by hand
  grep -qE "make: (.* )?$target( |\})" .github/workflows/pull_request.yaml || {
    echo "pull_request.yaml does not run 'make $target' of .ci/run" >&2
    exit 1
  }
done
echo "workflows: $(find .github/workflows -name '*.yaml' | wc -l) files"
