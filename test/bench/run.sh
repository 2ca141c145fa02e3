#!/usr/bin/env bash
# `make bench`: the operator's release build on a fresh control plane, measured by bench_load.
# QUICK=1 takes fewer rounds. Exit code 1: a target was missed; above that: the run failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cluster=$root/test/cluster
# shellcheck source=test/cluster/lib.sh
source "$cluster/lib.sh"

operator=${OPERATOR:-$root/build/release/bitbucket-receiver}
load=${LOAD:-$root/build/release/bench_load}
ns=bench receiver=load secret=$(openssl rand -hex 24) repository=acme/load
warehouses=(one two three four)
service_account=kargo-external-webhooks-server
operator_pid='' rounds=7
[[ -z ${QUICK:-} ]] || rounds=3

for binary in "$operator" "$load"; do [[ -x $binary ]] || die "$binary does not exist; build it with 'make bench'"; done
mkdir -p "$root/build/bench"
dir=$(mktemp -d "$root/build/bench/XXXXXX")

clean_up() {
  trap '' INT TERM
  if [[ -n $operator_pid ]]; then
    kill -TERM "$operator_pid" 2>/dev/null || true
    wait "$operator_pid" 2>/dev/null || true
  fi
  CONTROL_PLANE_OWNER=$$ "$cluster/control_plane.sh" stop "$dir/control-plane" || true
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

failed() {
  say "error: $*"
  [[ -s $dir/operator.log ]] && tail -n 25 "$dir/operator.log" >&2
  exit 2
}

start_control_plane() {
  CONTROL_PLANE_OWNER=$$ "$cluster/control_plane.sh" start "$dir/control-plane" >"$dir/cluster.env"
  KUBECONFIG=$(sed -n 's/^KUBECONFIG=//p' "$dir/cluster.env")
  kubectl=$(sed -n 's/^KUBECTL=//p' "$dir/cluster.env")
  export KUBECONFIG
}

seed() {
  local name
  "$kubectl" create -f "$root/config/crd" >/dev/null
  "$kubectl" wait --for=condition=Established --timeout=30s \
    crd/{projectconfigs,clusterconfigs,warehouses,promotions}.kargo.akuity.io >/dev/null
  for name in namespaces service_account operator operator_lease project_secrets; do
    "$kubectl" create -f "$root/config/rbac/$name.yaml" >/dev/null
  done
  sed "s/kargo-demo/$ns/" "$root/config/samples/project.yaml" | "$kubectl" create -f - >/dev/null
  "$kubectl" create -f - >/dev/null <<YAML
apiVersion: v1
kind: Secret
metadata: {name: load, namespace: $ns, labels: {kargo.akuity.io/cred-type: generic}}
stringData: {secret: $secret}
---
apiVersion: kargo.akuity.io/v1alpha1
kind: ProjectConfig
metadata: {name: $ns, namespace: $ns}
spec:
  webhookReceivers:
    - {name: $receiver, bitbucket: {secretRef: {name: load}}}
YAML
  for name in "${warehouses[@]}"; do
    cat <<YAML
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {name: $name, namespace: $ns}
spec:
  subscriptions:
    - git: {repoURL: "https://bitbucket.org/$repository", branch: main}
YAML
  done | "$kubectl" create -f - >/dev/null
  (
    umask 077
    "$kubectl" config view --raw --minify --flatten --output json |
      jq --arg token "$("$kubectl" --namespace kargo create token "$service_account" --duration 24h)" \
        '.users = [{name: "operator", user: {token: $token}}] | .contexts[0].context.user = "operator"' \
        >"$dir/kubeconfig.operator"
  )
}

start_operator() {
  local port base_url started=$SECONDS
  port=$(free_port)
  base_url=http://127.0.0.1:$port
  url=$base_url/bitbucket/$(printf '%s' "$ns" "$receiver" "$secret" | sha256sum | cut -d' ' -f1)
  EXTERNAL_WEBHOOK_SERVER_BASE_URL=$base_url BIND_ADDRESS=127.0.0.1 PORT=$port METRICS_PORT=$(free_port) \
    KUBECONFIG=$dir/kubeconfig.operator setpriv --pdeathsig TERM "$operator" >"$dir/operator.log" 2>&1 </dev/null &
  operator_pid=$!
  until [[ $("$kubectl" --namespace "$ns" get projectconfig "$ns" \
    --output 'jsonpath={.status.webhookReceivers[0].url}') == "$url" ]]; do
    kill -0 "$operator_pid" 2>/dev/null || failed "the operator ended"
    ((SECONDS - started < 60)) || failed "the receiver's URL was not published within 60 s"
    sleep 0.2
  done
}

start_control_plane
seed
start_operator
status=0
BENCH_SECRET=$secret "$load" --kubeconfig "$dir/kubeconfig.operator" --receiver "$url" --namespace "$ns" \
  --repository "$repository" --warehouse "${warehouses[@]}" --rounds "$rounds" || status=$?
((status < 2)) || failed "the measurement ended with exit code $status"
((status == 0))
