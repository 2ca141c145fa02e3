#!/usr/bin/env bash
# A real control plane (etcd and kube-apiserver) on free loopback ports, all of it below one folder.
#
#   control_plane.sh start DIR            starts both, waits until usable, prints what `env` prints
#   control_plane.sh stop DIR             ends both and deletes the data; may be repeated
#   control_plane.sh env DIR              KEY=VALUE lines: KUBECONFIG (an administrator's), KUBECTL, API_SERVER, KUBEBUILDER_ASSETS
#   control_plane.sh apiserver-stop DIR   kube-apiserver alone, to start again on the same port and data
#   control_plane.sh apiserver-start DIR
#   control_plane.sh etcd-stop DIR, etcd-start DIR
#   control_plane.sh new-ca DIR           another certificate authority, from the next apiserver-start on; the kubeconfig stays
#
# In DIR: kubeconfig.admin, apiserver.pid and etcd.pid (the first word is the process id), apiserver.log, etcd.log, pki/.
# The control plane ends with its owner, even a killed one: the process CONTROL_PLANE_OWNER, by default the caller.
# The API server listens on CONTROL_PLANE_ADDRESS, 127.0.0.1 by default; any other is that of a node, whose pods reach it.
# With an audit policy in the file AUDIT_POLICY the requests that it selects are logged in DIR/audit.log.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"
# shellcheck source=test/cluster/processes.sh
source "$here/processes.sh"

usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

make_certificates() {
  local pki=$dir/pki
  mkdir -p "$pki"
  make_ca
  openssl ecparam -name prime256v1 -genkey -noout -out "$pki/service-accounts.key"
  echo "$(openssl rand -hex 24),admin,admin,\"system:masters\"" >"$pki/tokens.csv"
}

# The certificate authority, and the API server's certificate by it.
make_ca() {
  local pki=$dir/pki
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=control-plane-ca \
      -keyout "$pki/ca.key" -out "$pki/ca.crt"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=kube-apiserver \
      -addext "subjectAltName=IP:$address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc" \
      -keyout "$pki/apiserver.key" -out "$pki/apiserver.csr"
    openssl x509 -req -in "$pki/apiserver.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 \
      -copy_extensions copy -out "$pki/apiserver.crt"
  } 2>"$pki/openssl.log" || die "openssl could not make the certificates: $(cat "$pki/openssl.log")"
}

write_kubeconfig() {
  local token
  token=$(cut -d, -f1 "$dir/pki/tokens.csv")
  cat >"$dir/kubeconfig.admin" <<YAML
apiVersion: v1
kind: Config
current-context: admin
clusters:
  - name: control-plane
    cluster:
      server: https://$address:$APISERVER_PORT
      certificate-authority-data: $(base64 -w0 "$dir/pki/ca.crt")
users:
  - name: admin
    user:
      token: $token
contexts:
  - name: admin
    context:
      cluster: control-plane
      user: admin
YAML
}

start_etcd() {
  local client=http://127.0.0.1:$ETCD_PORT peer=http://127.0.0.1:$ETCD_PEER_PORT
  : >"$dir/etcd.log"
  launch etcd "$assets/etcd" --name control-plane --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn --quota-backend-bytes 8589934592 \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "control-plane=$peer"
  await etcd 180 curl --silent --fail --max-time 10 "$client/health"
}

start_apiserver() {
  local pki=$dir/pki audit=() reconciler=lease
  [[ $address != 127.* ]] || reconciler=none # a loopback address is no endpoint of a Service
  [[ -z $AUDIT_POLICY ]] || audit=(--audit-policy-file "$AUDIT_POLICY" --audit-log-path "$dir/audit.log")
  : >"$dir/apiserver.log"
  launch apiserver "$assets/kube-apiserver" \
    --etcd-servers "http://127.0.0.1:$ETCD_PORT" \
    --bind-address "$address" --advertise-address "$address" --secure-port "$APISERVER_PORT" \
    --endpoint-reconciler-type "$reconciler" --service-cluster-ip-range 10.96.0.0/16 \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --token-auth-file "$pki/tokens.csv" --authorization-mode Node,RBAC \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$pki/service-accounts.key" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --kubelet-preferred-address-types InternalIP --allow-privileged --profiling=false --v 1 "${audit[@]}"
  await apiserver 300 curl --silent --fail --max-time 20 --cacert "$pki/ca.crt" \
    --header "Authorization: Bearer $(cut -d, -f1 "$pki/tokens.csv")" "https://$address:$APISERVER_PORT/readyz"
}

# attempt NAME PORT...: starts it on freshly chosen ports, with others when someone else took one in between.
attempt() {
  local name=$1 port
  shift
  for _ in {1..5}; do
    for port in "$@"; do printf -v "$port" '%s' "$(free_port)"; done
    "start_$name" && return 0
    end "$name"
    grep -q 'address already in use' "$dir/$name.log" || break
    say "control plane: a port of $name was taken meanwhile, trying others"
  done
  tell_failure "$name"
  stop
  exit 1
}

tell_failure() { # NAME
  say "control plane: $1 did not start; the end of its log:"
  tail -n 15 "$dir/$1.log" >&2 || true
}

# Ends the control plane soon after its owner is gone.
watch_owner() { # OWNER
  local started
  started=$(started_at "$1") || die "the owner of the control plane, process $1, is gone"
  # shellcheck disable=SC2016 # expanded by the shell that is started
  launch watchdog bash -c '
    while [[ $(sed "s/.*) //" "/proc/$1/stat" 2>/dev/null | cut -d" " -f20) == "$2" ]]; do sleep 1; done
    exec "$3" stop "$4"' watchdog "$1" "$started" "$here/control_plane.sh" "$dir"
}

stop() {
  # The watchdog itself stops by this very command, and must not end itself in the middle.
  [[ $(cut -d' ' -f1 "$dir/watchdog.pid" 2>/dev/null || true) == "$$" ]] || end watchdog
  end apiserver
  end etcd
  rm -rf "$dir/etcd" "$dir/watchdog.pid"
}

start() {
  local owner=${CONTROL_PLANE_OWNER:-$PPID} started=$SECONDS name
  mkdir -p "$dir"
  for name in etcd apiserver; do
    if alive "$name"; then die "a control plane already runs in $dir; stop it first: $0 stop $dir"; fi
  done
  stop
  make_certificates
  watch_owner "$owner"
  trap 'stop; exit 130' INT TERM
  attempt etcd ETCD_PORT ETCD_PEER_PORT
  attempt apiserver APISERVER_PORT
  printf '%s\n' "ETCD_PORT=$ETCD_PORT" "ETCD_PEER_PORT=$ETCD_PEER_PORT" "APISERVER_PORT=$APISERVER_PORT" \
    "address=$address" "AUDIT_POLICY=$AUDIT_POLICY" "assets=$assets" >"$dir/settings"
  write_kubeconfig
  say "control plane: ready in $((SECONDS - started)) s at https://$address:$APISERVER_PORT"
  print_env
}

load_settings() {
  [[ -r $dir/settings ]] || die "no control plane was started in $dir"
  # shellcheck source=/dev/null
  source "$dir/settings"
}

print_env() {
  printf '%s\n' "KUBECONFIG=$dir/kubeconfig.admin" "KUBECTL=$assets/kubectl" \
    "API_SERVER=https://$address:$APISERVER_PORT" "KUBEBUILDER_ASSETS=$assets"
}

(($# == 2)) || usage
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)

case $command in
  start)
    address=${CONTROL_PLANE_ADDRESS:-127.0.0.1} AUDIT_POLICY=${AUDIT_POLICY:-}
    assets=$("$here/binaries.sh")
    start
    ;;
  stop) stop ;;
  env)
    load_settings
    print_env
    ;;
  apiserver-stop | etcd-stop)
    load_settings
    end "${command%-stop}"
    ;;
  apiserver-start | etcd-start)
    load_settings
    name=${command%-start}
    if alive "$name"; then die "$name already runs"; fi
    "start_$name" || { # what else runs is left to whoever started it
      tell_failure "$name"
      exit 1
    }
    ;;
  new-ca)
    load_settings
    make_ca
    ;;
  *) usage ;;
esac
