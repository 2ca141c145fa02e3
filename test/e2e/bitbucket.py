"""A Bitbucket Data Center in a pod of the project (test/bitbucket_server/main.cpp), with the repository SHOP/app."""

import http.client
import json
import socket
import ssl

from helpers import PROJECT, check, eventually, kubectl, kubectl_json

PORT = 8443
TOKEN = "the-token-of-the-end-to-end-test"


class Bitbucket:
    name = "bitbucket.example.com"
    host = f"{name}:{PORT}"
    url = f"https://{host}/git"
    repository = f"{url}/scm/shop/app.git"

    def __init__(self):
        pod = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bitbucket", "namespace": PROJECT},
            "spec": {
                "containers": [{
                    "name": "bitbucket", "image": "localhost/strict_bitbucket:1", "imagePullPolicy": "Never",
                    "args": [self.name, str(PORT), TOKEN, "SHOP/app"],
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}],
                "volumes": [{"name": "tmp", "emptyDir": {}}]}}
        kubectl("create", "-f", "-", text=json.dumps(pod))
        kubectl("wait", "--for=condition=Ready", "pod/bitbucket", "-n", PROJECT, "--timeout=60s")
        self.ca = eventually("it shows its authority", lambda: kubectl("logs", "bitbucket", "-n", PROJECT))
        self.ip = kubectl_json("get", "pod", "bitbucket", "-n", PROJECT)["status"]["podIP"]

    def webhooks(self):
        """(URL, secret) of each."""
        context = ssl.create_default_context(cadata=self.ca)
        connection = http.client.HTTPSConnection(self.name, PORT, timeout=15, context=context)
        connection._create_connection = lambda _, *rest: socket.create_connection((self.ip, PORT), *rest)
        try:
            connection.request("GET", "/git/rest/api/latest/projects/SHOP/repos/app/webhooks", headers={
                "Authorization": f"Bearer {TOKEN}", "Accept": "application/json", "User-Agent": "e2e"})
            answer = json.load(connection.getresponse())
        finally:
            connection.close()
        check(all(webhook["active"] for webhook in answer["values"]), f"one is switched off: {answer}")
        return [(webhook["url"], webhook["configuration"]["secret"]) for webhook in answer["values"]]

    @staticmethod
    def stop():
        kubectl("delete", "pod", "bitbucket", "-n", PROJECT, "--now")
