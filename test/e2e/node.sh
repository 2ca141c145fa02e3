#!/usr/bin/env bash
# node.sh DIR COMMAND...: a control plane and a node in the namespaces that this runs in (see run.sh), then the command,
# with KUBECONFIG and KUBECTL set. Its data is in DIR; everything ends with this process.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=$1
shift
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
# shellcheck source=test/cluster/processes.sh
source "$root/test/cluster/processes.sh"

(($$ == 1)) || die "$0 is the first process of its namespaces; use run.sh"
address=10.88.0.1 # of the bridge: the node's, and the API server's
started=$SECONDS

failed() { # NAME
  say "e2e: $1 is not ready; the end of its log:"
  tail -n 30 "$dir/$1.log" >&2 || true
  exit 1
}

# What these programs leave in fixed places is forgotten with the mount namespace; but for empty mount points.
isolate() {
  local place
  for place in /run /var/lib/cni /var/lib/kubelet /var/log; do
    mkdir -p "$place"
    mount -t tmpfs tmpfs "$place"
  done
  mount --make-rshared /
  mkdir -p /run/lock /var/log/pods
  hostname node
}

make_network() {
  ip link set lo up
  ip link add cni0 type bridge
  ip address add "$address/24" dev cni0
  ip link set cni0 up
  ip route add default via "$address" # what is sent to Services needs a way before it is diverted
  sysctl -qw net.ipv4.ip_forward=1
  mkdir "$dir/cni"
  cat >"$dir/cni/10-pods.conflist" <<'JSON'
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "loopback"}
  ]
}
JSON
}

start_containerd() {
  cat >"$dir/containerd.toml" <<TOML
version = 2
root = "$dir/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
TOML
  launch containerd containerd --config "$dir/containerd.toml"
  await containerd 120 ctr version || failed containerd
  for image in "$dir"/images/*.tar; do
    ctr --namespace k8s.io images import --snapshotter native "$image" >>"$dir/containerd.log" 2>&1 || failed containerd
  done
}

start_control_plane() {
  local lines
  lines=$(CONTROL_PLANE_OWNER=$$ CONTROL_PLANE_ADDRESS=$address "$root/test/cluster/control_plane.sh" start \
    "$dir/control-plane")
  KUBECONFIG=$(sed -n 's/^KUBECONFIG=//p' <<<"$lines")
  KUBECTL=$(sed -n 's/^KUBECTL=//p' <<<"$lines")
  export KUBECONFIG KUBECTL
}

start_kubernetes() {
  local pki=$dir/control-plane/pki
  launch kube-controller-manager "$NODE_BINARIES/kube-controller-manager" --kubeconfig "$KUBECONFIG" \
    --leader-elect=false --use-service-account-credentials --root-ca-file "$pki/ca.crt" \
    --service-account-private-key-file "$pki/service-accounts.key" --bind-address 127.0.0.1
  launch kube-scheduler "$NODE_BINARIES/kube-scheduler" --kubeconfig "$KUBECONFIG" --leader-elect=false \
    --bind-address 127.0.0.1
  cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication:
  anonymous: {enabled: true}
  webhook: {enabled: false}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /$E2E_CGROUP
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [10.96.0.10] # there is none; nothing here needs names
resolvConf: /dev/null
localStorageCapacityIsolation: false
nodeStatusUpdateFrequency: 2s
syncFrequency: 5s
configMapAndSecretChangeDetectionStrategy: Watch
YAML
  launch kubelet "$NODE_BINARIES/kubelet" --kubeconfig "$KUBECONFIG" --config "$dir/kubelet.yaml" \
    --root-dir "$dir/kubelet" --hostname-override node --node-ip "$address"
  launch kube-proxy "$NODE_BINARIES/kube-proxy" --kubeconfig "$KUBECONFIG" --hostname-override node \
    --proxy-mode iptables --cluster-cidr 10.88.0.0/24 --masquerade-all --bind-address "$address" \
    --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
}

isolate
make_network
start_containerd
start_control_plane
start_kubernetes
await kubelet 300 "$KUBECTL" wait --for=condition=Ready node/node --timeout=1s || failed kubelet
say "e2e: a node, ready in $((SECONDS - started)) s"
"$@"
