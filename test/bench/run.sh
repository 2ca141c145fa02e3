#!/usr/bin/env bash
# `make bench`: the operator's release build on a fresh control plane, under its own account, measured by bench_load.
# Writes RESULTS.md beside this script. QUICK=1 takes fewer rounds and writes nothing: it fails when a ratio is more than
# 40 % worse than the one in RESULTS.md, twice. Arguments are bench_load's: `run.sh --scenario alone` measures just that
# and writes nothing either. Exit code 1: a target was missed; above that: the run failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

build=${BUILD:-$root/build/release}
results=$here/RESULTS.md
operator_pid='' floor_pid='' arguments=("$@")
[[ -z ${QUICK:-} ]] || arguments+=(--quick --committed "$results")
BENCH_SECRET=$(openssl rand -hex 24)
export BENCH_SECRET CONTROL_PLANE_OWNER=$$

for binary in bitbucket-receiver bench_load bench_floor; do
  [[ -x $build/$binary ]] || die "$build/$binary does not exist; build it with 'make bench'"
done
mkdir -p "$root/build/bench-runs"
dir=$(mktemp -d "$root/build/bench-runs/XXXXXX")

clean_up() {
  local pid
  trap '' INT TERM
  for pid in $operator_pid $floor_pid; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  "$root/test/integration/cluster.sh" stop "$dir" "$dir/cluster" || true
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

failed() {
  say "error: $*"
  [[ -s $dir/operator.log ]] && tail -n 25 "$dir/operator.log" >&2
  exit 2
}

start_operator() {
  local port
  port=$(free_port)
  operator_url=http://127.0.0.1:$port
  EXTERNAL_WEBHOOK_SERVER_BASE_URL=$operator_url BIND_ADDRESS=127.0.0.1 PORT=$port METRICS_PORT=0 POD_NAME=bench \
    KUBECONFIG=$dir/cluster/kubeconfig.operator setpriv --pdeathsig TERM "$build/bitbucket-receiver" \
    >"$dir/operator.log" 2>&1 </dev/null &
  operator_pid=$!
  "$kubectl" wait --for=condition=Ready projectconfigs --all --all-namespaces --timeout=60s >/dev/null ||
    failed "not every ProjectConfig is Ready after 60 s"
}

start_floor() {
  coproc floor { exec "$build/bench_floor"; }
  floor_pid=$!
  read -r -u "${floor[0]}" port
  floor_url=http://127.0.0.1:$port
}

measure() {
  "$build/bench_load" measure --administrator "$dir/cluster/kubeconfig.admin" --account "$dir/cluster/kubeconfig.operator" \
    --operator "$operator_url" --floor "$floor_url" --table "$dir/table" "${arguments[@]}"
}

write_results() {
  cat >"$results" <<TEXT
# Results of \`make bench\`

Medians of rounds in which the operator and its floor take turns, with a kube-apiserver and etcd on the same machine. The
floor of PATCHes is the API server's own speed for the same requests without the operator: as many in parallel as one
delivery takes, or 64 connections for rates. The floor of signed requests is a server that computes the HMAC and nothing else.

- machine: $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB of memory
- date: $(date -u +%Y-%m-%d)
- command: \`make bench\`

$(cat "$dir/table")
TEXT
  say "written: ${results#"$root"/}"
}

"$root/test/integration/cluster.sh" start "$dir" "$dir/cluster"
kubectl=$(sed -n 's/^KUBECTL=//p' "$dir/cluster/env")
export KUBECONFIG=$dir/cluster/kubeconfig.admin
"$build/bench_load" seed --administrator "$KUBECONFIG"
start_operator
start_floor

status=0
measure || status=$?
if ((status == 1)) && [[ -n ${QUICK:-} ]]; then
  say "once more"
  status=0
  measure || status=$?
fi
((status < 2)) || failed "the measurement ended with exit code $status"
((${#arguments[@]} > 0)) || write_results
((status == 0))
