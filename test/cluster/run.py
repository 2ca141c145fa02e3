#!/usr/bin/env python3
"""`make run`: starts the operator with an API server, delivers one signed push, and runs until Ctrl-C.

With KUBECONFIG it uses that cluster. Otherwise it starts a control plane, and stops it at the end.
RUN_SECONDS=N ends it after N seconds.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from control_plane import ControlPlane, binaries, run, write_operator_kubeconfig
from processes import Failed, Processes, finish_undisturbed, free_port, run_main, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATOR = pathlib.Path(os.environ.get("OPERATOR") or ROOT / "build/release/bitbucket-receiver")
RECEIVERCTL = OPERATOR.parent / "receiverctl"
NAMESPACE, RECEIVER, SECRET = "kargo-demo", "bb-wh-receiver", "bb-wh-secret"
CRDS = [f"crd/{kind}.kargo.akuity.io" for kind in ("projectconfigs", "clusterconfigs", "warehouses", "promotions")]
PUSH = {"repository": {"links": {"html": {"href": "https://bitbucket.org/acme/shop"}}},
        "push": {"changes": [{"old": None, "new": {"type": "branch", "name": "main"}}]}}


class Cluster:
    """The cluster of KUBECONFIG, or a new one in the folder, which ends with the stack."""

    def __init__(self, folder, stack):
        self.kubeconfig, self.added = os.environ.get("KUBECONFIG"), []
        self.is_own = not self.kubeconfig
        if self.is_own:
            control_plane = ControlPlane(folder / "control-plane")
            stack.callback(control_plane.stop)
            stack.callback(say, "stopping the control plane")
            control_plane.start()
            self.kubeconfig, self.kubectl_binary = str(control_plane.kubeconfig), control_plane.binaries / "kubectl"
        else:
            if not any(os.path.exists(file) for file in self.kubeconfig.split(":")):  # often that of an earlier `make run`
                raise Failed(f"KUBECONFIG={self.kubeconfig} does not exist: unset KUBECONFIG for a new API server")
            say(f"using the cluster of KUBECONFIG={self.kubeconfig}")
            self.kubectl_binary = shutil.which("kubectl") or binaries("control-plane") / "kubectl"
        os.environ["KUBECONFIG"] = self.kubeconfig
        self.kubectl("get", "--raw", "/readyz")

    def kubectl(self, *arguments):
        return run(self.kubectl_binary, *arguments)

    def value(self, kind, name, path):
        return self.kubectl("--namespace", NAMESPACE, "get", kind, name, "--output", f"jsonpath={{{path}}}")

    def refresh_of(self, warehouse):
        return self.value("warehouse", warehouse, r".metadata.annotations.kargo\.akuity\.io/refresh")

    def apply_objects(self):
        say("applying the CRDs, the permissions and the samples")
        self._create_missing("crd")
        self.kubectl("wait", "--for=condition=Established", "--timeout=180s", *CRDS)
        self._create_missing("rbac")
        self._create_missing("samples")

    def _create_missing(self, kind):
        """Existing objects stay unchanged."""
        for file in sorted((ROOT / "config" / kind).glob("*.yaml")):
            done = subprocess.run([self.kubectl_binary, "create", "-f", file], text=True, capture_output=True)
            lines = done.stdout.splitlines() + [line for line in done.stderr.splitlines() if "exists" not in line]
            self.added += [line.removesuffix(" created") for line in lines if line.endswith(" created")]
            say("\n".join(lines))
            if any(line.lower().startswith("error") for line in lines):
                raise Failed(f"{file} could not be applied")


def start_operator(cluster, processes, folder):
    """Returns the secret, the receiver's URL once the status has it, and the metrics port."""
    secret = base64.b64decode(cluster.value("secret", SECRET, ".data.secret"))
    name = hashlib.sha256(f"{NAMESPACE}{RECEIVER}".encode() + secret).hexdigest()

    def start():
        port, metrics_port = free_port(), free_port()
        base_url = f"http://127.0.0.1:{port}"
        url = f"{base_url}/bitbucket/{name}"
        processes.start("operator", OPERATOR, EXTERNAL_WEBHOOK_SERVER_BASE_URL=base_url, BIND_ADDRESS="127.0.0.1",
                        PORT=port, METRICS_PORT=metrics_port, KUBECONFIG=folder / "kubeconfig.operator")
        say(f"operator: started, webhook port {port}, metrics port {metrics_port}; waiting for the receiver's URL")
        published = f'.status.webhookReceivers[?(@.name=="{RECEIVER}")].url'
        processes.await_ready("operator", 180, lambda: cluster.value("projectconfig", NAMESPACE, published) == url)
        return secret, url, metrics_port

    return processes.start_on_free_ports("operator", start)


def send_push(cluster, url, body, signature):
    """Returns the text of the answer."""
    before, other_before = cluster.refresh_of("shop-https"), cluster.refresh_of("warehouse-of-another-repository")
    answer, _, status = run(
        "curl", "--silent", "--show-error", "--noproxy", "*", "--retry", 10, "--retry-delay", 1, "--max-time", 15,
        "--write-out", "\n%{http_code}", "--header", "X-Event-Key: repo:push", "--header", f"X-Hub-Signature: {signature}",
        "--header", "Content-Type: application/json", "--data-binary", f"@{body}", url).rpartition("\n")
    told = f"the push was answered {status} {answer.strip()}"
    if status != "200":
        raise Failed(told)
    if cluster.refresh_of("shop-https") in ("", before) or not cluster.refresh_of("shop-ssh"):
        raise Failed(f"{told}, but Warehouse shop-https or shop-ssh was not refreshed")
    if cluster.refresh_of("warehouse-of-another-repository") != other_before:
        raise Failed(f"{told}, and a Warehouse of another repository was refreshed, too")
    return answer.strip()


def tell(cluster, folder, url, metrics_port, signature, answer):
    path = "" if shutil.which("kubectl") else f"  PATH=$PATH:{pathlib.Path(cluster.kubectl_binary).parent}\n"
    print(f"""
The operator is up.
  receiver URL   {url}
                 (in the status of ProjectConfig {NAMESPACE}; the last part is the SHA-256 of project, receiver name and secret)
  signed push    answered 200 {answer}
  Warehouse      {NAMESPACE}/shop-https: kargo.akuity.io/refresh = {cluster.refresh_of("shop-https")}

{cluster.kubectl("get", "projectconfigs", "-A")}
{cluster.kubectl("get", "warehouses", "-A")}
Try next, in another terminal:
  export KUBECONFIG={cluster.kubeconfig}
{path}  kubectl get projectconfigs -A
  kubectl -n {NAMESPACE} get projectconfig {NAMESPACE} -o jsonpath='{{.status.webhookReceivers}}'
  kubectl -n {NAMESPACE} get warehouses -w
  # send the same push again: it refreshes shop-https and shop-ssh
  curl -i -H 'X-Event-Key: repo:push' -H 'X-Hub-Signature: {signature}' \\
    --data-binary @{folder}/push.json {url}
  # change the secret: the URL changes
  kubectl -n {NAMESPACE} patch secret {SECRET} -p '{{"stringData":{{"secret":"another-sample-secret"}}}}'
  # send a push to the new URL, signed with the new secret, and see what each receiver reaches
  {RECEIVERCTL} send -n {NAMESPACE} --receiver {RECEIVER} --repo https://bitbucket.org/acme/shop
  {RECEIVERCTL} receivers describe {NAMESPACE}/{RECEIVER}
  kubectl -n {NAMESPACE} get events
  curl -s http://127.0.0.1:{metrics_port}/metrics | grep 'deliveries_total.* [1-9]'
  tail -f {folder}/operator.log
""")
    if cluster.added and not cluster.is_own:
        print(f"Created in your cluster, and left there: {' '.join(cluster.added)}")
    sys.stdout.flush()


def demonstrate(folder, stack):
    cluster, processes, body = Cluster(folder, stack), Processes(folder), folder / "push.json"
    cluster.apply_objects()
    write_operator_kubeconfig(cluster.kubectl, folder / "kubeconfig.operator")
    stack.callback(processes.stop, "operator", 35)  # seconds: its grace period, and a few more
    stack.callback(say, "stopping the operator")
    secret, url, metrics_port = start_operator(cluster, processes, folder)
    body.write_text(json.dumps(PUSH))
    signature = "sha256=" + hmac.new(secret, body.read_bytes(), hashlib.sha256).hexdigest()
    try:
        answer = send_push(cluster, url, body, signature)
    except Failed as error:
        raise processes.failure("operator", f"is up, but {error}") from None
    tell(cluster, folder, url, metrics_port, signature, answer)

    seconds = os.environ.get("RUN_SECONDS")
    say(f"running for {seconds} seconds (RUN_SECONDS)" if seconds else "Press Ctrl-C to stop and clean up.")
    if processes.wait("operator", float(seconds) if seconds else None):
        raise processes.failure("operator", "has ended")


def main():
    if not os.access(OPERATOR, os.X_OK):
        raise Failed(f"{OPERATOR} does not exist; build it with 'make build'")
    (ROOT / "build/run").mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(dir=ROOT / "build/run"))
        stack.callback(shutil.rmtree, folder)
        try:
            demonstrate(folder, stack)
        finally:
            finish_undisturbed()


if __name__ == "__main__":
    run_main(main)
