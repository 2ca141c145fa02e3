#!/usr/bin/env bash
# `make bench`: measures the operator's release build with bench_load on fresh control planes, under its own account, and runs
# the microbenchmarks. Writes RESULTS.md and the plots beside this script.
#
#   run.sh                       everything
#   run.sh --scenario NAME...    only these, without writing: alone, requests, load, fairness, senders, rates,
#                                signatures, folders, tokens, answers, growth, heavy, micro
#   QUICK=1 run.sh [...]         fewer and shorter rounds, without writing: fails if a ratio is more than 40 % worse than the
#                                one in RESULTS.md, twice. Omits fairness, senders, rates, statuses, namespaced,
#                                the cost of deliveries among 10,000 Warehouses, what is larger, and micro
#
# Exit code 1: a target was missed. Higher: the run failed, or took longer than 40 minutes (QUICK=1: 5).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

build=${BUILD:-$root/build/release}
results=$here/RESULTS.md
floor_pid='' quick=() chosen=() minutes=40
[[ -z ${QUICK:-} ]] || quick=(--quick --committed "$results") minutes=5
while (($# > 0)); do
  [[ $1 == --scenario && $# -gt 1 ]] || die "usage: $0 [--scenario NAME]..."
  chosen+=("$2")
  shift 2
done
BENCH_SECRET=$(openssl rand -hex 24)
export BENCH_SECRET

for binary in bitbucket-receiver bench_load bench_floor bench_micro; do
  [[ -x $build/$binary ]] || die "$build/$binary does not exist; build it with 'make bench'"
done
"$root/test/cluster/binaries.sh" >/dev/null # its time does not count
SECONDS=0
mkdir -p "$root/build/bench-runs"
dir=$(mktemp -d "$root/build/bench-runs/XXXXXX")
cluster=$dir/$$ # the folder that cluster.py makes for this script

clean_up() {
  trap '' INT TERM
  if [[ -n $floor_pid ]]; then
    kill -TERM "$floor_pid" 2>/dev/null || true
    wait "$floor_pid" 2>/dev/null || true
  fi
  "$root/test/integration/cluster.py" stop "$dir" || true
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

failed() {
  say "error: $*"
  [[ -s $dir/operator.log ]] && tail -n 25 "$dir/operator.log" >&2
  exit 2
}

start_floor() {
  coproc floor { exec "$build/bench_floor"; }
  floor_pid=$!
  read -r -u "${floor[0]}" port
  floor_url=http://127.0.0.1:$port
}

# measure GROUP [OPTION...]: of bench_load, on a control plane of its own.
measure() {
  local group=$1 status=0
  shift
  say "bench: $group"
  "$root/test/integration/cluster.py" start "$dir"
  within "$minutes" "$build/bench_load" --administrator "$cluster/kubeconfig.admin" --account "$cluster/kubeconfig.operator" \
    --etcd-port "$(sed -n 's/^ETCD_PORT=//p' "$cluster/env")" \
    --operator "$build/bitbucket-receiver" --operator-log "$dir/operator.log" --floor "$floor_url" \
    --table "$dir/table" --growth "$dir/growth" "${quick[@]}" "$group" "$@" || status=$?
  ((status < 2)) || failed "the measurement ended with exit code $status"
  ((status == 0)) || missed=1
  "$root/test/integration/cluster.py" stop "$dir"
}

measure_micro() {
  say "bench: micro"
  within "$minutes" "$build/bench_micro" --benchmark_min_time=0.2 --benchmark_color=false | tee "$dir/micro" ||
    failed "the microbenchmarks failed"
  ! grep 'ERROR OCCURRED' "$dir/micro" || failed "a microbenchmark does not do what it measures"
}

is_chosen() { # NAME
  ((${#chosen[@]} == 0)) || [[ " ${chosen[*]} " == *" $1 "* ]]
}

write_results() {
  cat >"$results" <<TEXT
# Results of \`make bench\`

Medians of rounds (of slowest answers: the worst) in which the operator and its floor take turns, with a kube-apiserver and
etcd on the same machine. The floor of PATCHes is the API server's own speed for the same requests without the operator: as
many in parallel as one delivery takes, or 64 connections for rates. The floor of signed requests is a server that computes the
HMAC and nothing else.

- machine: $(machine)
- API server: $("$("$root/test/cluster/binaries.sh")/kube-apiserver" --version)
- date: $(date -u +%Y-%m-%d), commit $(git -C "$root" rev-parse --short HEAD)
- command: \`make bench\`

| what | ratio | target | | measured | floor | ratio of each round |
|---|---|---|---|---|---|---|
$(cat "$dir/table")
$(cat "$dir/growth")

## Microbenchmarks

\`\`\`
$(cat "$dir/micro")
\`\`\`

$(cat "$here/limits.md")
TEXT
  "$here/plot.py" "$results" "$here"
  say "written: ${results#"$root"/}"
}

start_floor
missed=0
scenarios=()
for name in "${chosen[@]}"; do
  [[ $name =~ ^(growth|heavy|micro)$ ]] || scenarios+=(--scenario "$name")
done
if ((${#chosen[@]} == 0 || ${#scenarios[@]} > 0)); then measure deliveries "${scenarios[@]}"; fi
if is_chosen growth; then measure growth; fi
if is_chosen heavy && [[ -z ${QUICK:-} || ${#chosen[@]} -gt 0 ]]; then measure heavy; fi
if is_chosen micro && [[ -z ${QUICK:-} || ${#chosen[@]} -gt 0 ]]; then measure_micro; fi
if ((${#chosen[@]} == 0)) && [[ -z ${QUICK:-} ]]; then write_results; fi
((missed == 0))
