#!/usr/bin/env bash
# `make mutation ROOM=…`: see mutation.py. It installs universalmutator from PyPI into an environment in build.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

(($# == 1)) || die "usage: make mutation ROOM=pkg/git"
"$root/test/cluster/install.sh"
package=universalmutator==1.14.1
environment=$root/build/mutation/python
if [[ $(cat "$environment/complete" 2>/dev/null) != "$package" ]]; then
  python3 -m venv --clear "$environment"
  # Its dependencies are for its programs; mutation.py only uses its rules.
  retry 3 "$environment/bin/pip" install --quiet --no-deps "$package"
  echo "$package" >"$environment/complete"
fi
exec "$environment/bin/python" "$here/mutation.py" "$1"
