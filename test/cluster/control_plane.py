#!/usr/bin/env python3
"""A real control plane (etcd and kube-apiserver) on free loopback ports, all of it in one folder.

  control_plane.py start FOLDER          returns when both are usable
  control_plane.py stop FOLDER           ends both and deletes the data; may be repeated
  control_plane.py COMMAND FOLDER PART   PART is apiserver or etcd; COMMAND is stop, start (on the same port and data,
                                         returns when it is ready), kill, freeze or thaw
  control_plane.py new-ca FOLDER         another certificate authority, from the next start of the API server on; the
                                         kubeconfig stays

FOLDER contains env (KEY=VALUE lines for a shell), kubeconfig.admin, apiserver.log, etcd.log, pki/, and the socket for those
commands, one per line. One process serves the socket and has etcd and kube-apiserver as children. It ends with the caller of
`start`, and the children end with it, even if it is killed.
"""

import base64
import contextlib
import fcntl
import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading

from processes import Failed, Processes, finish_undisturbed, free_port, run_main, say, succeeds

EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
SOCKET = "socket"  # addressed from the folder that it is in: an address has 107 bytes at most
DONE = b"done\n"


def binaries(kind):
    """The folder with the binaries."""
    script = pathlib.Path(__file__).resolve().with_name("binaries.sh")
    return pathlib.Path(subprocess.check_output([script, kind], text=True).strip())


def run(*command):
    """Runs the command and returns its output."""
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def in_url(address):
    return f"[{address}]" if ":" in address else address


def make_authority(folder):
    """Creates ca.crt and ca.key."""
    run("openssl", "req", "-x509", *EC_KEY, "-days", 30, "-subj", "/CN=authority", "-keyout", folder / "ca.key",
        "-out", folder / "ca.crt")


def make_certificate(folder, name, alternative_names):
    """Creates NAME.crt and NAME.key, signed by the folder's CA."""
    key, request, certificate = (folder / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
    run("openssl", "req", *EC_KEY, "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative_names}",
        "-keyout", key, "-out", request)
    run("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", 30, "-copy_extensions", "copy", "-out", certificate)
    return certificate, key


def write_operator_kubeconfig(kubectl, path):
    """Writes a kubeconfig for the cluster of `kubectl`, a function, with the operator's account."""
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "--output", "json"))
    token = kubectl("--namespace", "kargo", "create", "token", "kargo-external-webhooks-server", "--duration", "24h")
    config["users"] = [{"name": "operator", "user": {"token": token.strip()}}]
    config["contexts"][0]["context"]["user"] = "operator"
    path.write_text(json.dumps(config))


class ControlPlane:
    """Its processes are children of this one. The API server listens on `address`; if that is not a loopback address, it is a
    node's, and pods can reach it. An audit policy logs to FOLDER/audit.log."""

    def __init__(self, folder, address="127.0.0.1", audit_policy=None):
        self.folder, self._address, self._audit_policy = pathlib.Path(folder).resolve(), address, audit_policy
        # Addresses of Services, and of the API server's own.
        self._services, self._service = ("fd00:96::/112", "fd00:96::1") if ":" in address else ("10.96.0.0/16", "10.96.0.1")
        self.pki, self.kubeconfig = self.folder / "pki", self.folder / "kubeconfig.admin"
        self.processes = Processes(self.folder)

    def start(self):
        self.binaries = binaries("control-plane")
        self.stop()  # what one that was killed has left
        self.pki.mkdir(parents=True, exist_ok=True)
        self.make_ca()
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.pki / "service-accounts.key")
        self._token = secrets.token_hex(24)
        (self.pki / "tokens.csv").write_text(f'{self._token},admin,admin,"system:masters"\n')
        self.processes.start_on_free_ports("etcd", self._start_etcd)
        self.processes.start_on_free_ports("apiserver", self._start_apiserver)
        self._write_kubeconfig()
        (self.folder / "env").write_text(f"KUBECONFIG={self.kubeconfig}\nKUBECTL={self.binaries}/kubectl\n"
                                         f"ETCD_PORT={self._etcd_port}\nAPISERVER_PORT={self._port}\n")
        say(f"control plane: ready at {self._server}")

    def stop(self):
        self.processes.stop_all()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def start_part(self, name):
        """A part that runs already may be frozen, or not ready yet."""
        command, seconds, probe = {"etcd": self._etcd, "apiserver": self._apiserver}[name]()
        if self.processes.runs(name):
            self.processes.thaw(name)
        else:
            self.processes.start(name, *command)
        self.processes.await_ready(name, seconds, lambda: succeeds("curl", "--silent", "--fail", "--max-time", 20, *probe))

    def make_ca(self):
        """Creates the CA and the API server's certificate."""
        make_authority(self.pki)
        make_certificate(self.pki, "apiserver",
                         f"IP:{self._address},IP:{self._service},DNS:localhost,DNS:kubernetes.default.svc")

    def kubectl(self, *arguments):
        return run(self.binaries / "kubectl", "--kubeconfig", self.kubeconfig, *arguments)

    def obey(self, command="", part=None):
        if command == "new-ca":
            self.make_ca()
        elif command in ("start", "stop", "kill", "freeze", "thaw") and part in ("etcd", "apiserver"):
            (self.start_part if command == "start" else getattr(self.processes, command))(part)
        else:
            raise Failed(f"no such command\n{__doc__}")

    def _start_etcd(self):
        self._etcd_port, self._peer_port = free_port(), free_port()
        self.start_part("etcd")

    def _start_apiserver(self):
        self._port = free_port()
        self._server = f"https://{in_url(self._address)}:{self._port}"
        self.start_part("apiserver")

    def _etcd(self):
        client, peer = (f"http://127.0.0.1:{port}" for port in (self._etcd_port, self._peer_port))
        command = [
            self.binaries / "etcd", "--name", "control-plane", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--log-level", "warn", "--quota-backend-bytes", 8 << 30,
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"control-plane={peer}"]
        return command, 180, [f"{client}/health"]

    def _apiserver(self):
        pki, address = self.pki, self._address
        command = [
            self.binaries / "kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{self._etcd_port}",
            "--bind-address", address, "--advertise-address", address, "--secure-port", self._port,
            # A loopback address cannot be an endpoint of a Service.
            "--endpoint-reconciler-type", "none" if address.startswith("127.") else "lease",
            "--service-cluster-ip-range", self._services,
            "--tls-cert-file", pki / "apiserver.crt", "--tls-private-key-file", pki / "apiserver.key",
            "--token-auth-file", pki / "tokens.csv", "--authorization-mode", "Node,RBAC",
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", pki / "service-accounts.key",
            "--service-account-signing-key-file", pki / "service-accounts.key",
            "--kubelet-preferred-address-types", "InternalIP", "--allow-privileged", "--profiling=false", "--v", 1]
        if self._audit_policy:
            command += ["--audit-policy-file", self._audit_policy, "--audit-log-path", self.folder / "audit.log"]
        authority = ["--cacert", pki / "ca.crt", "--header", f"Authorization: Bearer {self._token}"]
        return command, 300, [*authority, f"{self._server}/readyz"]

    def _write_kubeconfig(self):
        authority = base64.b64encode((self.pki / "ca.crt").read_bytes()).decode()
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "admin",
            "clusters": [{"name": "control-plane",
                          "cluster": {"server": self._server, "certificate-authority-data": authority}}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "admin", "context": {"cluster": "control-plane", "user": "admin"}}]}))


def tell(folder, *words):
    """Returns False if nothing runs there."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            with contextlib.chdir(folder):
                connection.connect(SOCKET)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        connection.sendall(f"{' '.join(words)}\n".encode())
        answer = connection.makefile("rb").read()
    if answer != DONE:
        raise Failed(answer.decode() or f"the control plane in {folder} has ended")
    return True


def serve(control_plane, listener):
    """Carries out commands until `stop`. Returns the connection of that command, which still waits for its answer."""
    while True:
        connection, _ = listener.accept()
        with contextlib.suppress(OSError):  # of one that was killed meanwhile
            words = connection.makefile().readline().split()
            if words == ["stop"]:
                return connection
            try:
                control_plane.obey(*words)
                connection.sendall(DONE)
            except Failed as error:
                connection.sendall(str(error).encode())
        connection.close()


def end_with(owner):
    select.select([owner], [], [])
    os.kill(os.getpid(), signal.SIGTERM)


def start_apart(control_plane, prepare=lambda: None):
    """Starts the server process, which ends with the caller of this program. Returns when all is ready."""
    folder, owner = control_plane.folder, os.pidfd_open(os.getppid())
    folder.mkdir(parents=True, exist_ok=True)
    ready, report = os.pipe()
    if supervisor := os.fork():
        os.close(report)
        try:
            if not os.read(ready, 1):
                sys.exit(1)  # it has said why
        except BaseException:
            os.kill(supervisor, signal.SIGTERM)
            os.waitpid(supervisor, 0)
            raise
        return

    os.setsid()
    threading.Thread(target=end_with, args=[owner], daemon=True).start()
    lock, listener = os.open(folder, os.O_RDONLY), socket.socket(socket.AF_UNIX)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed(f"a control plane already runs in {folder}; stop it first: {__file__} stop {folder}") from None
    (folder / SOCKET).unlink(missing_ok=True)
    with contextlib.chdir(folder):
        listener.bind(SOCKET)
    listener.listen()
    try:
        control_plane.start()
        prepare()
        with open(folder / "supervisor.log", "w") as log:
            for descriptor in range(3):
                os.dup2(log.fileno(), descriptor)
        os.write(report, b"1")
        last = serve(control_plane, listener)
    finally:
        finish_undisturbed()
        control_plane.stop()
        (folder / SOCKET).unlink(missing_ok=True)
    last.sendall(DONE)
    sys.exit()


def stop(folder):
    if not tell(folder, "stop"):
        ControlPlane(folder).stop()  # what one that was killed has left


def main():
    match sys.argv[1:]:
        case ["start", folder]:
            start_apart(ControlPlane(folder))
        case ["stop", folder]:
            stop(folder)
        case [command, folder, *part]:
            if not tell(folder, command, *part):
                raise Failed(f"no control plane runs in {folder}")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    run_main(main)
