#!/usr/bin/env bash
# `make chaos`: runs every fault, in its own network namespace, against its own control plane, and writes RESULTS.md beside this
# script. QUICK=1 runs a selection and writes nothing. Arguments are passed to chaos_run (a Catch2 test name or tag, such as
# "[watch]"), and write nothing either. Exit code 0: nothing was lost, within 25 minutes; 7 with QUICK=1; for a soak, its
# duration and 5 more.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

build=${BUILD:-$root/build/release}
results=$here/RESULTS.md
arguments=("$@")
minutes=25
[[ -z ${QUICK:-} ]] || arguments+=('[quick]') minutes=7
[[ -z ${SOAK_MINUTES:-} ]] || minutes=$((SOAK_MINUTES + 5))
[[ -x $build/chaos_run ]] || die "$build/chaos_run does not exist; build it with 'make chaos'"
((EUID == 0)) || die "only root can create a network namespace and a memory limit"

# Build the control plane first: the namespace has no network, and the build must not count towards the time limit.
"$root/test/cluster/binaries.sh" >/dev/null
SECONDS=0
table=$(mktemp)
trap 'rm -f "$table"' EXIT
status=0
export CHAOS_TABLE=$table CHAOS_OUTSIDE
CHAOS_OUTSIDE=$(readlink /proc/self/ns/net)
within "$minutes" unshare --net bash -c 'ip link set lo up && exec "$@"' bash "$build/chaos_run" --durations yes \
  "${arguments[@]}" || status=$?
((status == 0)) || die "a fault had an unexpected effect: see above"
((${#arguments[@]} == 0)) || exit 0

# Keep the results of other measurements (soak, fuzzers).
kept=$(sed -n '/^## /,$p' "$results" 2>/dev/null || true)
cat >"$results" <<TEXT
# Results of \`make chaos\`

Real kube-apiserver and etcd, the operator under its own ServiceAccount, 30 signed deliveries a second, pushes to ten
repositories and merges of ten pull requests of five projects, of Bitbucket Cloud and Data Center in turns.
*Acknowledged and lost*: answered 200 without a refresh that began after the delivery arrived and before it was
answered; must be 0. *Applied after recovery*: of those that were answered 202, or 503 for Bitbucket to come again.
*Recovery*: from the fault's end until a delivery to every repository has been acknowledged. *Worst latency of
unaffected*: of deliveries answered before the fault, or sent after recovery, with their connections.

Faults of Bitbucket (\`[bitbucket]\`) last 20 s, all at once, each for a project of its own with four repositories that are
pushed to in turns; Warehouses of each are filtered by paths, name no branch, or need no question to Bitbucket. *All
refreshed*, *without question*: the longest time from a push's arrival until etcd had the refresh of the last Warehouse
that it could be for, and of the one that needs no question. *Recovery*: until Bitbucket was asked again, and answered.

- machine: $(machine)
- date: $(date -u +%Y-%m-%d), commit $(git -C "$root" rev-parse --short HEAD)
- command: \`make chaos\`, $((SECONDS / 60)) minutes

$(cat "$table")

$kept
TEXT
say "written: ${results#"$root"/}"
