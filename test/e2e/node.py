#!/usr/bin/env python3
"""node.py FOLDER COMMAND...: a control plane and a node in the namespaces that this runs in (see run.sh), then the
command, with KUBECONFIG and KUBECTL set. Its data is in FOLDER; everything ends with this process.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/cluster"))

from control_plane import ControlPlane, run
from family import ANYWHERE, DNS, IPV6, NODE, PODS
from processes import Failed, Processes, run_main, say, succeeds

CONTAINERD = """
version = 2
root = "{folder}/containerd"
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
    conf_dir = "{folder}/cni"
"""
REGISTRY = """
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{folder}/registry"}}}}
http: {{addr: "127.0.0.1:5000"}}
"""
NETWORK = {
    "cniVersion": "0.4.0", "name": "pods",
    "plugins": [
        {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": ANYWHERE}]}},
        {"type": "loopback"}]}


def isolate():
    """Files of these programs in fixed places disappear with the mount namespace, except empty mount points."""
    for place in "/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log":
        os.makedirs(place, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", place)
    run("mount", "--make-rshared", "/")
    os.mkdir("/run/lock")
    os.mkdir("/var/log/pods")
    run("hostname", "node")


def make_network(folder):
    run("ip", "link", "set", "lo", "up")
    # With a fixed address: otherwise it would take that of a pod, and change when that pod ends.
    run("ip", "link", "add", "cni0", "address", "02:00:00:00:00:01", "type", "bridge")
    run("ip", "address", "add", f"{NODE}/{PODS.partition('/')[2]}", "dev", "cni0", *["nodad"] * IPV6)
    run("ip", "link", "set", "cni0", "up")
    # Packets to Services need a route before they are redirected.
    run("ip", "route", "add", ANYWHERE, "dev", "cni0", *[] if IPV6 else ["via", NODE])
    forwarding = "ipv6/conf/all/forwarding" if IPV6 else "ipv4/ip_forward"
    pathlib.Path(f"/proc/sys/net/{forwarding}").write_text("1")
    (folder / "cni").mkdir()
    (folder / "cni/10-pods.conflist").write_text(json.dumps(NETWORK))


def start_containerd(processes, folder):
    (folder / "containerd.toml").write_text(CONTAINERD.format(folder=folder))
    processes.start("containerd", "containerd", "--config", folder / "containerd.toml")
    processes.await_ready("containerd", 120, lambda: succeeds("ctr", "version"))
    for image in folder.glob("images/*.tar"):
        run("ctr", "--namespace", "k8s.io", "images", "import", "--snapshotter", "native", image)


def start_registry(processes, folder):
    """The registry with the release of the folder DIST, as HOST/PATH."""
    (folder / "registry.yaml").write_text(REGISTRY.format(folder=folder))
    processes.start("registry", "docker-registry", "serve", folder / "registry.yaml")
    processes.await_ready("registry", 60, lambda: succeeds("curl", "--silent", "--fail", "http://127.0.0.1:5000/v2/"))
    place = {"REGISTRY": "127.0.0.1:5000/releases", "INSECURE": "1"}
    subprocess.run([ROOT / "config/release/push.sh"], env={**os.environ, **place}, check=True)
    return place


def start_kubernetes(processes, folder, control_plane):
    def start(name, *arguments):
        processes.start(name, f"{os.environ['NODE_BINARIES']}/{name}", "--kubeconfig", control_plane.kubeconfig, *arguments)

    start("kube-controller-manager", "--leader-elect=false", "--use-service-account-credentials",
          "--root-ca-file", control_plane.pki / "ca.crt",
          "--service-account-private-key-file", control_plane.pki / "service-accounts.key", "--bind-address", "127.0.0.1")
    start("kube-scheduler", "--leader-elect=false", "--bind-address", "127.0.0.1")
    (folder / "kubelet.json").write_text(json.dumps({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": NODE,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{os.environ['E2E_CGROUP']}",
        "failCgroupV1": False, "failSwapOn": False, "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": [DNS],
        "resolvConf": "/dev/null",
        "localStorageCapacityIsolation": False, "nodeStatusUpdateFrequency": "2s", "syncFrequency": "5s",
        "configMapAndSecretChangeDetectionStrategy": "Watch"}))
    start("kubelet", "--config", folder / "kubelet.json", "--root-dir", folder / "kubelet", "--hostname-override", "node",
          "--node-ip", NODE)
    start("kube-proxy", "--hostname-override", "node", "--proxy-mode", "iptables", "--cluster-cidr", PODS,
          "--masquerade-all", "--bind-address", NODE, "--conntrack-max-per-core", 0,
          "--conntrack-tcp-timeout-established", 0, "--conntrack-tcp-timeout-close-wait", 0)
    processes.await_ready("kubelet", 300, lambda: succeeds(
        control_plane.binaries / "kubectl", "--kubeconfig", control_plane.kubeconfig, "wait", "--for=condition=Ready", "node/node",
        "--timeout=1s"))


def main():
    started, folder = time.monotonic(), pathlib.Path(sys.argv[1])
    if os.getpid() != 1:
        raise Failed(f"{sys.argv[0]} is the first process of its namespaces; use run.sh")
    processes, control_plane = Processes(folder), ControlPlane(folder / "control-plane", NODE)
    isolate()
    make_network(folder)
    start_containerd(processes, folder)
    control_plane.start()
    start_kubernetes(processes, folder, control_plane)
    say(f"e2e: a node, ready in {time.monotonic() - started:.0f} s")
    registry = start_registry(processes, folder) if os.environ.get("DIST") else {}
    command = subprocess.Popen(sys.argv[2:], env={**os.environ, **registry, "KUBECONFIG": str(control_plane.kubeconfig),
                                                  "KUBECTL": f"{control_plane.binaries}/kubectl"})
    while (ended := os.wait())[0] != command.pid:
        pass  # the first process also waits for those whose parents have ended
    sys.exit(os.waitstatus_to_exitcode(ended[1]))


if __name__ == "__main__":
    run_main(main)
