#!/usr/bin/env bash
# Prints "VERSION COMMIT DATE" of this tree. VERSION is X.Y.Z at the tag vX.Y.Z, and X.Y.(Z+1)-dev.N N commits after it. A clone
# without tags has the chart's appVersion. An archive made by git gives the same answer as the clone.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck disable=SC2016 # `git archive` fills it in (.gitattributes)
said='$Format:%(describe:tags=true,match=v[0-9]*)|%H|%cs$'
if [[ -e .git ]]; then
  said=$(git log -1 --format='%(describe:tags=true,match=v[0-9]*)|%H|%cs' 2>/dev/null) || true
fi
version=$(sed -n 's/^appVersion: *//p' config/chart/Chart.yaml) commit=unknown date=unknown

if [[ $said =~ ^([^|]*)\|([0-9a-f]{12})[0-9a-f]*\|([0-9-]+)$ ]]; then
  tag=${BASH_REMATCH[1]} commit=${BASH_REMATCH[2]} date=${BASH_REMATCH[3]}
  if [[ $tag =~ ^v([0-9]+\.[0-9]+\.)([0-9]+)(-([0-9]+)-g[0-9a-f]+)?$ ]]; then
    version=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
    [[ -z ${BASH_REMATCH[3]} ]] || version=${BASH_REMATCH[1]}$((BASH_REMATCH[2] + 1))-dev.${BASH_REMATCH[4]}
  fi
fi
echo "$version $commit $date"
