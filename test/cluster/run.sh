#!/usr/bin/env bash
# `make run`: the operator against an API server, with one signed push on the way, up until Ctrl-C.
# KUBECONFIG set: that cluster is used. Otherwise a control plane is started here, and ended with this script.
# RUN_SECONDS=N ends it by itself after N seconds.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

operator=${OPERATOR:-$root/build/release/bitbucket-receiver}
ns=kargo-demo receiver=bb-wh-receiver secret_name=bb-wh-secret
service_account=kargo-external-webhooks-server
operator_pid='' own_cluster=''

[[ -x $operator ]] || die "$operator does not exist; build it with 'make build'"
mkdir -p "$root/build/run"
dir=$(mktemp -d "$root/build/run/XXXXXX")

clean_up() {
  local pid
  trap '' INT TERM # once is enough
  if [[ -n $operator_pid ]]; then
    say "stopping the operator"
    kill -TERM "$operator_pid" 2>/dev/null || true
    for _ in {1..350}; do # its own grace period is 30 seconds
      kill -0 "$operator_pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$operator_pid" 2>/dev/null || true
    wait "$operator_pid" 2>/dev/null || true
  fi
  if [[ -n $own_cluster ]]; then
    say "stopping the control plane"
    CONTROL_PLANE_OWNER=$$ "$here/control_plane.sh" stop "$dir/control-plane" || true
  fi
  for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 0' INT TERM

failed() {
  say "error: $*"
  if [[ -s $dir/operator.log ]]; then
    say "the end of the operator's log:"
    tail -n 25 "$dir/operator.log" >&2
  fi
  exit 1
}

use_cluster() {
  if [[ -n ${KUBECONFIG:-} ]]; then
    kubectl=$(command -v kubectl || echo "$("$here/binaries.sh")/kubectl")
    say "using the cluster of KUBECONFIG=$KUBECONFIG"
  else
    own_cluster=yes
    CONTROL_PLANE_OWNER=$$ "$here/control_plane.sh" start "$dir/control-plane" >"$dir/cluster.env"
    KUBECONFIG=$(sed -n 's/^KUBECONFIG=//p' "$dir/cluster.env")
    kubectl=$(sed -n 's/^KUBECTL=//p' "$dir/cluster.env")
  fi
  export KUBECONFIG
  "$kubectl" get --raw /readyz >/dev/null || failed "the API server of $KUBECONFIG does not answer"
}

# Creates what is not there yet; what exists stays as it is.
create_missing() { # FILES...
  local file
  for file in "$@"; do
    { "$kubectl" create -f "$file" 2>&1 || true; } | sed '/AlreadyExists\|already exists/d' >"$dir/created"
    cat "$dir/created" >&2
    if grep -qi '^error' "$dir/created"; then failed "$file could not be applied"; fi
    sed -n 's/ created$//p' "$dir/created" >>"$dir/added"
  done
}

apply_objects() {
  create_missing "$root"/config/crd/*.yaml
  "$kubectl" wait --for=condition=Established --timeout=180s \
    crd/{projectconfigs,clusterconfigs,warehouses,promotions}.kargo.akuity.io >/dev/null
  create_missing "$root"/config/rbac/*.yaml "$root"/config/samples/*.yaml
}

# The cluster of KUBECONFIG, with the operator's own account instead of the administrator's.
write_operator_kubeconfig() {
  local token
  token=$("$kubectl" --namespace kargo create token "$service_account" --duration 24h)
  (
    umask 077
    "$kubectl" config view --raw --minify --flatten --output json |
      jq --arg token "$token" '.users = [{name: "operator", user: {token: $token}}]
        | .contexts[0].context.user = "operator"' >"$dir/kubeconfig.operator"
  )
}

published_url() {
  "$kubectl" --namespace "$ns" get projectconfig "$ns" \
    --output "jsonpath={.status.webhookReceivers[?(@.name==\"$receiver\")].url}"
}

# Starts the operator and waits for the receiver's URL. 1 when a port was taken meanwhile.
try_start_operator() {
  local started=$SECONDS
  port=$(free_port)
  metrics_port=$(free_port)
  base_url=http://127.0.0.1:$port
  secret=$("$kubectl" --namespace "$ns" get secret "$secret_name" --output 'jsonpath={.data.secret}' | base64 -d)
  expected=$base_url/bitbucket/$(printf '%s' "$ns" "$receiver" "$secret" | sha256sum | cut -d' ' -f1)

  EXTERNAL_WEBHOOK_SERVER_BASE_URL=$base_url BIND_ADDRESS=127.0.0.1 PORT=$port METRICS_PORT=$metrics_port \
    KUBECONFIG=$dir/kubeconfig.operator setsid setpriv --pdeathsig TERM "$operator" >"$dir/operator.log" 2>&1 </dev/null &
  operator_pid=$!
  say "operator: started, webhook port $port, metrics port $metrics_port; waiting for the receiver's URL"
  until [[ $(published_url) == "$expected" ]]; do
    if ! kill -0 "$operator_pid" 2>/dev/null; then
      operator_pid=''
      grep -qi 'address already in use' "$dir/operator.log" && return 1
      failed "the operator ended"
    fi
    ((SECONDS - started < 180)) || failed "no receiver URL $expected in the status of ProjectConfig $ns after 180 s"
    sleep 0.2
  done
}

start_operator() {
  for _ in 1 2 3; do
    try_start_operator && return 0
    say "operator: a port was taken meanwhile, trying others"
  done
  failed "the operator found no free port"
}

refresh_of() { # WAREHOUSE
  "$kubectl" --namespace "$ns" get warehouse "$1" --output 'jsonpath={.metadata.annotations.kargo\.akuity\.io/refresh}'
}

send_push() {
  local before other_before status
  cat >"$dir/push.json" <<'JSON'
{"repository": {"links": {"html": {"href": "https://bitbucket.org/acme/shop"}}}, "push": {"changes": [{"old": null, "new": {"type": "branch", "name": "main"}}]}}
JSON
  signature="sha256=$(openssl dgst -sha256 -hmac "$secret" -r "$dir/push.json" | cut -d' ' -f1)"
  before=$(refresh_of shop-https)
  other_before=$(refresh_of warehouse-of-another-repository)
  status=$(curl --silent --show-error --retry 10 --retry-delay 1 --max-time 15 --output "$dir/answer" --write-out '%{http_code}' \
    --header 'X-Event-Key: repo:push' --header "X-Hub-Signature: $signature" --header 'Content-Type: application/json' \
    --data-binary "@$dir/push.json" "$expected") || failed "the push could not be delivered"
  answer=$(cat "$dir/answer")
  [[ $status == 200 ]] || failed "the push was answered $status: $answer"
  refreshed=$(refresh_of shop-https)
  [[ -n $refreshed && $refreshed != "$before" ]] || failed "Warehouse shop-https was not refreshed, though the answer was: $answer"
  [[ -n $(refresh_of shop-ssh) ]] || failed "Warehouse shop-ssh was not refreshed, though the answer was: $answer"
  [[ $(refresh_of warehouse-of-another-repository) == "$other_before" ]] ||
    failed "a Warehouse of another repository was refreshed by the push"
}

tell() {
  local path_line=''
  command -v kubectl >/dev/null || path_line="  PATH=\$PATH:$(dirname "$kubectl")"$'\n'
  cat <<TEXT

The operator is up.
  receiver URL   $expected
                 (published in the status of ProjectConfig $ns, last part: sha256 of project, receiver name and secret)
  signed push    answered 200 $answer
  Warehouse      $ns/shop-https: kargo.akuity.io/refresh = $refreshed

$("$kubectl" get projectconfigs -A)

$("$kubectl" get warehouses -A)

Try next, in another terminal:
  export KUBECONFIG=$KUBECONFIG
${path_line}  kubectl get projectconfigs -A
  kubectl -n $ns get projectconfig $ns -o jsonpath='{.status.webhookReceivers}'
  kubectl -n $ns get warehouses -w
  # the same push once more: new refreshes of shop-https and shop-ssh
  curl -i -H 'X-Event-Key: repo:push' -H 'X-Hub-Signature: $signature' \\
    --data-binary @$dir/push.json $expected
  # another secret: another URL within a second
  kubectl -n $ns patch secret $secret_name -p '{"stringData":{"secret":"another-sample-secret"}}'
  curl http://127.0.0.1:$metrics_port/metrics
  tail -f $dir/operator.log

TEXT
  if [[ -z $own_cluster && -s $dir/added ]]; then
    printf '\nAdded to your cluster, and left there: %s\n' "$(paste -sd' ' "$dir/added")"
  fi
}

use_cluster
say "applying the CRDs, the permissions and the samples"
apply_objects
write_operator_kubeconfig
start_operator
send_push
tell

if [[ -n ${RUN_SECONDS:-} ]]; then
  say "staying up for $RUN_SECONDS seconds (RUN_SECONDS)"
  sleep "$RUN_SECONDS" &
else
  say "Ctrl-C ends it and cleans up."
  sleep infinity &
fi
# Whichever ends first: the time, or the operator, which should not.
wait -n "$!" "$operator_pid" || true
kill -0 "$operator_pid" 2>/dev/null || failed "the operator ended"
