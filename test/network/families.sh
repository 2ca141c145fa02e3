#!/usr/bin/env bash
# `make network-test`: runs the operator with default settings in network namespaces with IPv6 only, with IPv4 only, and with
# both, and checks that it answers at every address. Needs root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
operator=${OPERATOR:-$root/build/release/bitbucket-receiver}

answers() { # URL
  for _ in {1..100}; do
    kill -0 "$operator_pid" 2>/dev/null || return 1
    [[ $(curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' --globoff "$1") != 200 ]] || return 0
    sleep 0.1
  done
  return 1
}

# Runs in the namespace.
ask() { # ADDRESS...
  local address status=0 dir
  dir=$(mktemp -d)
  cat >"$dir/kubeconfig" <<'YAML'
clusters: [{name: nobody, cluster: {server: "http://[::1]:1"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
current-context: nobody
YAML
  EXTERNAL_WEBHOOK_SERVER_BASE_URL=http://hooks.example.com KUBECONFIG=$dir/kubeconfig LEADER_ELECT=false \
    GRACEFUL_SHUTDOWN_TIMEOUT=5s "$operator" >"$dir/log" 2>&1 &
  operator_pid=$!
  for address in "$@"; do
    for url in "http://$address:8080/healthz" "http://$address:9090/livez"; do
      answers "$url" || {
        say "error: no answer from $url"
        status=1
      }
    done
  done
  kill "$operator_pid" 2>/dev/null || true
  wait "$operator_pid" || status=1
  ((status == 0)) || tail -n 5 "$dir/log" >&2
  rm -rf "$dir"
  return "$status"
}

case ${1:-} in
  both)
    ip link set lo up
    ask 127.0.0.1 '[::1]'
    ;;
  ipv6)
    ip link set lo up
    ip address del 127.0.0.1/8 dev lo
    ask '[::1]'
    ;;
  ipv4)
    for file in /proc/sys/net/ipv6/conf/{all,lo}/disable_ipv6; do [[ ! -e $file ]] || echo 1 >"$file"; done
    ip link set lo up
    ask 127.0.0.1
    ;;
  *)
    ((EUID == 0)) || die "a network namespace needs root"
    [[ -x $operator ]] || die "$operator does not exist; build it with 'make build'"
    all=(both ipv6 ipv4)
    [[ -e /proc/net/if_inet6 ]] || {
      say "network: this machine's kernel has no IPv6"
      all=(ipv4)
    }
    for families in "${all[@]}"; do
      unshare --net --kill-child "$0" "$families" || die "failed in a namespace with: $families"
      say "network: answers in a namespace with: $families"
    done
    ;;
esac
