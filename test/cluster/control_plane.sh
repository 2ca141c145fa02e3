#!/usr/bin/env bash
# A real control plane (etcd and kube-apiserver) on free loopback ports, all of it below one folder.
#
#   control_plane.sh start DIR            starts both, waits until usable, prints what `env` prints
#   control_plane.sh stop DIR             ends both and deletes the data; may be repeated
#   control_plane.sh env DIR              KEY=VALUE lines: KUBECONFIG (an administrator's), KUBECTL, API_SERVER, KUBEBUILDER_ASSETS
#   control_plane.sh apiserver-stop DIR   kube-apiserver alone, to start again on the same port and data
#   control_plane.sh apiserver-start DIR
#   control_plane.sh etcd-stop DIR, etcd-start DIR
#
# In DIR: kubeconfig.admin, apiserver.pid and etcd.pid (the first word is the process id), apiserver.log, etcd.log, pki/.
# The control plane ends with its owner, even a killed one: the process CONTROL_PLANE_OWNER, by default the caller.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# Field 22 of a process's stat: when it started. Together with the id it names one process for good.
started_at() { # PID
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  awk '{ print $20 }' <<<"${stat##*) }"
}

alive() { # NAME
  local pid started state
  read -r pid started 2>/dev/null <"$dir/$1.pid" || return 1
  [[ $(started_at "$pid") == "$started" ]] || return 1
  state=$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || return 1
  [[ $state != Z ]]
}

# launch NAME COMMAND...: in the background, in a session of its own, so that Ctrl-C reaches the caller alone.
launch() {
  local name=$1 pid
  shift
  setsid "$@" </dev/null >>"$dir/$name.log" 2>&1 9>&- &
  pid=$!
  echo "$pid $(started_at "$pid" || echo 0)" >"$dir/$name.pid"
}

# end NAME: asks the process to finish, insists after 10 seconds.
end() {
  local name=$1 pid
  if alive "$name"; then
    read -r pid _ <"$dir/$name.pid"
    kill -TERM "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true # a test may have frozen it
    for _ in {1..200}; do
      alive "$name" || break
      sleep 0.05
    done
    if alive "$name"; then
      kill -KILL "$pid" 2>/dev/null || true
      while alive "$name"; do sleep 0.05; done
    fi
  fi
  rm -f "$dir/$name.pid"
}

# await NAME SECONDS COMMAND...: until the command succeeds; fails early when the process has ended.
await() {
  local name=$1 limit=$2 started=$SECONDS told=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    alive "$name" || return 1
    if ((SECONDS - started >= limit)); then
      say "control plane: $name is not ready after $limit s"
      return 1
    fi
    if ((SECONDS - told >= 5)); then
      told=$SECONDS
      say "control plane: waiting for $name ... $((SECONDS - started)) s"
    fi
    sleep 0.1
  done
}

make_certificates() {
  local pki=$dir/pki
  mkdir -p "$pki"
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=control-plane-ca \
      -keyout "$pki/ca.key" -out "$pki/ca.crt"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=kube-apiserver \
      -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc' \
      -keyout "$pki/apiserver.key" -out "$pki/apiserver.csr"
    openssl x509 -req -in "$pki/apiserver.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 \
      -copy_extensions copy -out "$pki/apiserver.crt"
    openssl ecparam -name prime256v1 -genkey -noout -out "$pki/service-accounts.key"
  } 2>"$pki/openssl.log" || die "openssl could not make the certificates: $(cat "$pki/openssl.log")"
  echo "$(openssl rand -hex 24),admin,admin,\"system:masters\"" >"$pki/tokens.csv"
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
      server: https://127.0.0.1:$APISERVER_PORT
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
  launch etcd "$assets/etcd" --name control-plane --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "control-plane=$peer"
  await etcd 60 curl --silent --fail --max-time 2 "$client/health"
}

start_apiserver() {
  local pki=$dir/pki
  : >"$dir/apiserver.log"
  launch apiserver "$assets/kube-apiserver" \
    --etcd-servers "http://127.0.0.1:$ETCD_PORT" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$APISERVER_PORT" \
    --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/16 \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --token-auth-file "$pki/tokens.csv" --authorization-mode Node,RBAC \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$pki/service-accounts.key" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --allow-privileged --profiling=false --v 1
  await apiserver 120 curl --silent --fail --max-time 5 --cacert "$pki/ca.crt" \
    --header "Authorization: Bearer $(cut -d, -f1 "$pki/tokens.csv")" "https://127.0.0.1:$APISERVER_PORT/readyz"
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
  failed "$name"
}

failed() { # NAME
  say "control plane: $1 did not start; the end of its log:"
  tail -n 15 "$dir/$1.log" >&2 || true
  stop
  exit 1
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
    "assets=$assets" >"$dir/settings"
  write_kubeconfig
  say "control plane: ready in $((SECONDS - started)) s at https://127.0.0.1:$APISERVER_PORT"
  print_env
}

load_settings() {
  [[ -r $dir/settings ]] || die "no control plane was started in $dir"
  # shellcheck source=/dev/null
  source "$dir/settings"
}

print_env() {
  printf '%s\n' "KUBECONFIG=$dir/kubeconfig.admin" "KUBECTL=$assets/kubectl" \
    "API_SERVER=https://127.0.0.1:$APISERVER_PORT" "KUBEBUILDER_ASSETS=$assets"
}

(($# == 2)) || usage
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)

case $command in
  start)
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
    "start_$name" || failed "$name"
    ;;
  *) usage ;;
esac
