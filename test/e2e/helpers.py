"""Helpers of e2e_test.py: kubectl, documented commands, certificates, signed deliveries, and waiting for conditions."""

import bisect
import ctypes
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/cluster"))  # of e2e_test.py and prometheus.py, too

from control_plane import in_url
from family import NODE

FOLDER = pathlib.Path(os.environ["E2E_DIR"])
NODE_PORT = 30443
HOST = "hooks.example.com"
ALTERNATIVE_NAMES = f"DNS:{HOST},IP:{NODE}"  # of the certificates
BASE_URL = f"https://{HOST}/kargo"
KARGO, PROJECT = "kargo", "kargo-demo"
CA = FOLDER / "ca.crt"


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def eventually(what, condition, seconds=120):
    """The first truthy value of the condition."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.1)


def kubectl(*arguments, text=None):
    done = subprocess.run([os.environ["KUBECTL"], *arguments], text=True, input=text, capture_output=True)
    check(done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def kubectl_json(*arguments):
    return json.loads(kubectl(*arguments, "-o", "json"))


# The documents' commands use the test's programs, and their checks trust the test's authority.
FUNCTIONS = """
helm() { "$HELM" "$@"; }
kubectl() {
  if [[ $* == *' receiverctl check' ]]; then
    "$KUBECTL" "${@:1:3}" -i "${@:4}" --ca-file - <"$CA"
  else
    "$KUBECTL" "$@"
  fi
}
"""


def run_documented(page, name, then="", **replaced):
    """Runs the block of commands below the line of the page that names this test and the block, and then others. Returns
    standard output."""
    commands = (ROOT / page).read_text().partition(f"<!-- tested by test/e2e/e2e_test.py: {name} -->\n```sh\n")[2]
    commands = commands.partition("```")[0]
    check(commands, f"{page} has no block {name}")
    for what, value in replaced.items():
        check(what in commands, f"{page}: the block {name} does not contain {what}")
        commands = commands.replace(what, value)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", FUNCTIONS + commands + then], cwd=FOLDER, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, "CA": str(CA)})
    check(done.returncode == 0, f"{page}: {commands}{done.stdout}{done.stderr}")
    return done.stdout


def trusting_context():
    return ssl.create_default_context(cafile=str(CA))


def presented_certificate(address, port):
    """The common name of a server's certificate, verified."""
    with socket.create_connection((address, port), timeout=15) as plain:
        with trusting_context().wrap_socket(plain, server_hostname=HOST) as secure:
            return dict(pair[0] for pair in secure.getpeercert()["subject"])["commonName"]


class Delivery:
    def __init__(self, event, payload):
        self.event, self.body = event, json.dumps(payload)

    def headers(self, secret):
        signature = hmac.new(secret.encode(), self.body.encode(), hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Event-Key": self.event, "X-Hub-Signature": f"sha256={signature}"}


def cloud_push(branch="main"):
    return Delivery("repo:push", {
        "repository": {"links": {"html": {"href": "https://bitbucket.org/acme/shop"}}},
        "push": {"changes": [{"old": None, "new": {"type": "branch", "name": branch}}]}})


def data_center_push(branch="main", repository="https://git.example.com/scm/acme/shop.git"):
    return Delivery("repo:refs_changed", {
        "repository": {"links": {"clone": [{"href": repository, "name": "http"}]}},
        "changes": [{"ref": {"id": f"refs/heads/{branch}"}}]})


def cloud_merge(pull_request):
    return Delivery("pullrequest:fulfilled", {"pullrequest": {"links": {"html": {"href": pull_request}}}})


def data_center_merge(pull_request):
    return Delivery("pr:merged", {"pullRequest": {"links": {"self": [{"href": pull_request}]}}})


def receiver_url(secret):
    name = hashlib.sha256(f"{PROJECT}bb-wh-receiver{secret}".encode()).hexdigest()
    return f"{BASE_URL}/bitbucket/{name}"


def post(url, delivery, secret, address=NODE, port=NODE_PORT):
    """Sends from the node, over a new connection with verified TLS. Returns status and message."""
    connection = http.client.HTTPSConnection(HOST, port, timeout=15, context=trusting_context())
    # Verify the name, connect to the address: there is no DNS.
    connection._create_connection = lambda _, *rest: socket.create_connection((address, port), *rest)
    try:
        connection.request("POST", urllib.parse.urlsplit(url).path, delivery.body, delivery.headers(secret))
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        connection.close()


def post_from_pod(url, delivery, secret, service_address):
    """The same from a pod, through the Service."""
    headers = [word for name, value in delivery.headers(secret).items() for word in ("--header", f"{name}: {value}")]
    command = ["curl", "--silent", "--show-error", "--cacert", "/ca/ca.crt",
               "--resolve", f"{HOST}:443:{in_url(service_address)}", "--write-out", "\n%{http_code}", *headers, "--data-binary", delivery.body, url]
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sender", "namespace": PROJECT},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "curl", "image": "localhost/curl:1", "imagePullPolicy": "Never", "command": command,
                            "volumeMounts": [{"name": "ca", "mountPath": "/ca"}]}],
            "volumes": [{"name": "ca", "configMap": {"name": "ca"}}]}}
    kubectl("create", "-f", "-", text=json.dumps(pod))
    eventually("the pod has delivered", lambda: kubectl_json("get", "pod", "sender", "-n", PROJECT)["status"]["phase"]
               in ("Succeeded", "Failed"))
    message, _, status = kubectl("logs", "sender", "-n", PROJECT).strip().rpartition("\n")
    kubectl("delete", "pod", "sender", "-n", PROJECT, "--now")
    return int(status or 0), message.strip()


def refreshes(plural="warehouses"):
    """The refresh annotation of each object."""
    items = kubectl_json("get", plural, "-n", PROJECT)["items"]
    return {item["metadata"]["name"]: item["metadata"].get("annotations", {}).get("kargo.akuity.io/refresh", "")
            for item in items}


class Refreshes:
    """The times at which a Warehouse is refreshed until the block ends, from its annotation."""

    def __init__(self, warehouse):
        self._warehouse, self._file = warehouse, FOLDER / f"{warehouse}.refreshes"

    def __enter__(self):
        template = r'jsonpath={.metadata.annotations.kargo\.akuity\.io/refresh}{"\n"}'
        with self._file.open("w") as file:
            self._watch = subprocess.Popen([os.environ["KUBECTL"], "get", "warehouse", self._warehouse, "-n", PROJECT,
                                            "--watch", "-o", template], stdout=file)
        eventually("the watch has begun", self._file.read_text)
        return self

    def __exit__(self, *_):
        self._watch.kill()
        self._watch.wait()

    def without(self, deliveries):
        """The pairs (sent, answered) without a refresh between them, though they were answered 200."""
        eventually("the watch is up to date", lambda: refreshes()[self._warehouse] in self._file.read_text())
        times = sorted(datetime.datetime.fromisoformat(text).timestamp() for text in self._file.read_text().split())

        def is_missing(sent, answered):
            next_one = bisect.bisect_left(times, sent)
            return next_one == len(times) or times[next_one] > answered

        return [delivery for delivery in deliveries if is_missing(*delivery)]


def process_of(pod):
    """The operator's process in a pod, in /proc."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "exe").readlink().name == "bitbucket-receiver" and \
                    f"POD_NAME={pod}".encode() in (process / "environ").read_bytes().split(b"\0"):
                return process
        except OSError:  # has no program, or has ended
            continue
    raise AssertionError(f"no process in {pod}")


def owner_of(pod):
    """The user and the group of the operator's process in a pod."""
    lines = dict(line.split(":", 1) for line in (process_of(pod) / "status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) for name in ("Uid", "Gid"))


def thread_of(pod, name):
    """The first thread of that name in the operator of a pod."""
    for thread in (process_of(pod) / "task").iterdir():
        if (thread / "comm").read_text().strip() == name:
            return int(thread.name)
    raise AssertionError(f"no thread {name} in {pod}")


def halt(thread):
    """Stops a thread, as if it hung; its process continues. Lasts until the process is killed, or until the calling thread
    ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    for request in (0x4206, 0x4207):  # PTRACE_SEIZE, PTRACE_INTERRUPT
        if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
            raise AssertionError(f"ptrace: {os.strerror(ctypes.get_errno())}")
    of_any_process = 0x40000000  # __WALL
    os.waitpid(thread, of_any_process)
    # A killed thread, and its process, stay until they have been waited for.
    threading.Thread(target=os.waitpid, args=(thread, of_any_process), daemon=True).start()


class Traffic:
    """Pushes by several senders, each with its own connection, until the block ends. Failed ones are not resent."""

    def __init__(self, url, secret, senders=4):
        self.answers, self.failures, self._stop = 0, [], threading.Event()
        self.served = []  # when each that was answered 200 was sent, and answered
        self._url, self._secret = url, secret
        self._threads = [threading.Thread(target=self._send) for _ in range(senders)]

    def _send(self):
        while not self._stop.is_set():
            sent = time.time()
            try:
                status, message = post(self._url, cloud_push(), self._secret)
                if status == 200:
                    self.served.append((sent, time.time()))
                else:
                    self.failures.append(f"{status} {message}")
            except OSError as error:
                self.failures.append(repr(error))
            self.answers += 1
            time.sleep(0.02)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
