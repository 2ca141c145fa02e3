#!/usr/bin/env bash
# completion.sh RECEIVERCTL: completion_test.py with the kubectl that the other tests use.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
exec "$here/completion_test.py" "$1" "$("$here/../cluster/binaries.sh")/kubectl"
