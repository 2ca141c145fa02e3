#!/usr/bin/env python3
"""Tests an installation from `helm install` to `helm uninstall`, on the node that node.py has started.

One story, since each chapter needs the one before. Whatever is waited for is a condition, and each chapter tells how
long it took. A failure shows the pods and their logs.
"""

import base64
import json
import os
import shlex
import subprocess
import sys
import time

from helpers import (ALTERNATIVE_NAMES, BASE_URL, CA, FOLDER, HOST, KARGO, NODE, NODE_PORT, PROJECT, ROOT, Refreshes,
                     Traffic, check, cloud_merge, cloud_push, data_center_merge, data_center_push, eventually, halt,
                     kubectl, kubectl_json, owner_of, post, post_from_pod, presented_certificate, receiver_url,
                     refreshes, run_documented, thread_of)
from bitbucket import TOKEN, Bitbucket
from control_plane import in_url, make_authority, make_certificate
from prometheus import Prometheus

RELEASE = "bitbucket-receiver"
REGISTRY = os.environ.get("REGISTRY")  # has image and chart of a release; else the node and the folder config have them
CHART = [f"oci://{REGISTRY}/charts/bitbucket-receiver", "--plain-http"] if REGISTRY else [str(ROOT / "config/chart")]
IMAGE = f"{REGISTRY or 'localhost'}/bitbucket-receiver"
KARGO_ACCOUNT = "kargo-external-webhooks-server"
SECRET = "a-sample-secret-that-everybody-knows"  # of config/samples
SECOND, THIRD = "the-second-secret-of-the-project", "the-third-secret-of-the-project"
TLS = ("tls.enabled=true", "tls.secretName=certificate", "service.type=NodePort", f"service.nodePort={NODE_PORT}")
FROM_CLOUD = {"shop-https", "shop-ssh"}  # the Warehouses that a push of the Cloud repository refreshes
CLOUD_PULL_REQUEST = "https://bitbucket.org/acme/shop/pull-requests/7"
DATA_CENTER_PULL_REQUEST = "https://git.example.com/projects/ACME/repos/shop/pull-requests/7"


def helm(*arguments, expect_success=True):
    done = subprocess.run([os.environ["HELM"], *arguments, "--namespace", KARGO], text=True, capture_output=True)
    check((done.returncode == 0) == expect_success, f"helm {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stderr


def deploy(command, *settings, expect_success=True):
    settings = ",".join([f"baseURL={BASE_URL}", f"image.repository={IMAGE}", *settings])
    return helm(command, RELEASE, *CHART, "--wait", "--timeout", "300s", "--set", settings,
                expect_success=expect_success)


def pods():
    """Addresses of the replicas that are not terminating, by name."""
    items = kubectl_json("get", "pods", "-n", KARGO, "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
    return {item["metadata"]["name"]: item["status"].get("podIP") for item in items
            if "deletionTimestamp" not in item["metadata"]}


def all_pods_are_gone():
    return not kubectl("get", "pods", "-n", KARGO, "-o", "name")


def leader():
    """The leader's pod, if there is one."""
    return kubectl("get", "lease", RELEASE, "-n", KARGO, "--ignore-not-found",
                   "-o", "jsonpath={.spec.holderIdentity}").partition("_")[0]


def published_url():
    """With the command of docs/operate.md."""
    text = kubectl("-n", PROJECT, "get", "projectconfig", PROJECT, "-o", "jsonpath={.status.webhookReceivers}")
    return json.loads(text)[0]["url"] if text else ""


def set_secrets(**values):
    data = {"secret.previous": None} | {
        key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in values.items()}
    kubectl("-n", PROJECT, "patch", "secret", "bb-wh-secret", "--type", "merge", "-p", json.dumps({"data": data}))


def await_url(secret):
    eventually("the status shows the secret's URL", lambda: published_url() == receiver_url(secret))
    return receiver_url(secret)


def expect_refresh(names, deliver):
    """Checks that the delivery is answered 200, and refreshes these Warehouses and no others. Sends until it does: a replica
    that does not write the status may see a change a moment later."""
    attempts = []

    def deliver_once():
        before = refreshes()
        status, message = deliver()
        changed = {name for name, token in refreshes().items() if token != before[name]}
        attempts.append(f"refreshed {changed} instead of {names}; answered {status} {message}")
        check(changed <= names, attempts[-1])
        return status == 200 and changed == names

    try:
        eventually("the delivery refreshes", deliver_once)
    except AssertionError as error:
        raise AssertionError(f"{error}: {attempts[-1:]}") from None


def everything():
    """(kind, namespace, name) of all objects except those that appear and disappear by themselves."""
    passing = {"events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io", "componentstatuses",
               "pods.metrics.k8s.io"}
    kinds = set(kubectl("api-resources", "--verbs=list", "-o", "name").split()) - passing
    columns = "custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name"
    lines = kubectl("get", ",".join(sorted(kinds)), "-A", "--no-headers", "-o", columns).splitlines()
    return {tuple(line.split()) for line in lines if "kube-node-lease" not in line.split()}


def a_cluster_with_kargo():
    make_authority(FOLDER)
    kubectl("apply", "-f", str(ROOT / "config/crd"))
    kubectl("wait", "--for=condition=Established", "crd", "--all")
    kubectl("apply", "-f", str(ROOT / "config/rbac/namespaces.yaml"))
    kubectl("label", "namespace", KARGO, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("apply", "-f", str(ROOT / "test/e2e/kargo.yaml"))
    for namespace in KARGO, PROJECT:
        kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=180s")
        kubectl("create", "configmap", "ca", "-n", namespace, f"--from-file=ca.crt={CA}")
    certificate, key = make_certificate(FOLDER, "first", ALTERNATIVE_NAMES)
    kubectl("create", "secret", "tls", "certificate", "-n", KARGO, f"--cert={certificate}", f"--key={key}")


def kargos_own():
    """The objects of Kargo's chart, in their current version."""
    kinds = "serviceaccounts,ingresses,rolebindings"
    items = [item for namespace in (KARGO, PROJECT) for item in kubectl_json("get", kinds, "-n", namespace)["items"]
             if item["metadata"]["name"].startswith("kargo-")]
    return {(item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"] for item in items}


def beside_kargos_own_server():
    """Only the base URL and the image are required; Kargo's objects stay unchanged."""
    before = kargos_own()
    check(len(before) == 3, f"Kargo's objects: {before}")
    check(run_documented("docs/install.md", "base URL") == BASE_URL, "Kargo has another base URL")
    refused = deploy("install", "serviceAccount.create=true", expect_success=False)
    check(KARGO_ACCOUNT in refused, f"helm does not say that the account is there already: {refused}")
    deploy("install")
    check(len(pods()) == 2, f"replicas: {pods()}")
    eventually("one of them leads, by a Lease that it has made itself", lambda: leader() in pods())
    deploy("upgrade", "ingress.enabled=true", "ingress.className=nginx")
    rules = {item["metadata"]["name"]: item["spec"]["rules"][0]
             for item in kubectl_json("get", "ingresses", "-n", KARGO)["items"]}
    check(rules[RELEASE]["host"] == HOST and rules[RELEASE]["http"]["paths"][0]["path"] == "/kargo/bitbucket/",
          f"the Ingress claims other paths: {rules}")
    remove()
    check(kargos_own() == before, f"Kargo's objects have changed: {before}, {kargos_own()}")


def remove():
    run_documented("docs/install.md", "uninstall")
    eventually("the pods are gone", all_pods_are_gone)


def install(bitbucket):
    deploy("install", *TLS, "bitbucket.registration=true", f"bitbucket.hosts={{{bitbucket.host}}}")
    check(len(pods()) == 2, f"replicas: {pods()}")


def the_sample_project():
    for part in "receiver", "warehouses":
        kubectl("apply", "-f", str(ROOT / f"config/samples/{part}.yaml"))
    kubectl("create", "-f", "-", text=json.dumps({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Warehouse",
        "metadata": {"name": "shop-data-center", "namespace": PROJECT},
        "spec": {"subscriptions": [{"git": {"repoURL": "https://git.example.com/scm/acme/shop.git"}}]}}))
    for name, phase, pull_request in (("waits-cloud", "Running", CLOUD_PULL_REQUEST),
                                      ("waits-data-center", "Running", DATA_CENTER_PULL_REQUEST),
                                      ("has-ended", "Succeeded", CLOUD_PULL_REQUEST)):
        promotion(name, phase, pull_request)
    await_url(SECRET)
    kubectl("wait", "--for=condition=Ready", f"projectconfig/{PROJECT}", "-n", PROJECT, "--timeout=60s")


def promotion(name, phase, pull_request):
    """A Promotion at a step that waits for a pull request, as Kargo writes it."""
    kubectl("create", "-f", "-", text=json.dumps({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Promotion",
        "metadata": {"name": name, "namespace": PROJECT},
        "spec": {"steps": [{"uses": "git-wait-for-pr", "as": "wait"}]}}))
    status = {"phase": phase, "currentStep": 0, "state": {"wait": {"pr": {"id": 7, "url": pull_request}}}}
    kubectl("patch", "promotion", name, "-n", PROJECT, "--subresource=status", "--type=merge",
            "-p", json.dumps({"status": status}))


def the_first_refresh(installed):
    """With `send`, which succeeds once the Warehouses' annotations have changed."""
    def send():
        return subprocess.run(
            [ROOT / "build/release/receiverctl", "send", "--project", PROJECT, "--receiver", "bb-wh-receiver",
             "--repo", "https://bitbucket.org/acme/shop", "--via", f"https://{in_url(NODE)}:{NODE_PORT}", "--ca-file", str(CA)],
            text=True, capture_output=True)

    before = refreshes()
    eventually("the first delivery refreshes", lambda: send().returncode == 0)
    seconds = time.monotonic() - installed
    changed = {name for name, token in refreshes().items() if token != before[name]}
    check(changed == FROM_CLOUD, f"refreshed {changed} instead of {FROM_CLOUD}")
    check(seconds < 60, f"the first refresh came {seconds:.1f} s after helm install")
    print(f"         {seconds:.1f} s from the end of helm install to the first refresh")


def tell_names(aliases):
    """There is no DNS: sets the names of addresses in the pods."""
    before = pods()
    kubectl("patch", "deployment", RELEASE, "-n", KARGO,
            "-p", json.dumps({"spec": {"template": {"spec": {"hostAliases": aliases}}}}))
    eventually("only new pods are there", lambda: not set(before) & set(names_of_all_pods()))
    eventually("one of them leads", lambda: leader() in pods())


def webhooks_register_themselves(bitbucket):
    """Only a Secret with a token and a Warehouse are created: the operator registers the webhook."""
    def declare(*names):
        receivers = [{"name": name, "bitbucket": {"secretRef": {"name": secret}}} for name, secret in names]
        kubectl("patch", "projectconfig", PROJECT, "-n", PROJECT, "--type=merge",
                "-p", json.dumps({"spec": {"webhookReceivers": receivers}}))

    kubectl("create", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "registers", "namespace": PROJECT, "labels": {"kargo.akuity.io/cred-type": "generic"}},
        "stringData": {"secret": SECOND, "bitbucket.token": TOKEN, "bitbucket.url": bitbucket.url,
                       "bitbucket.ca": bitbucket.ca, "bitbucket.register": "true"}}))
    sample = ("bb-wh-receiver", "bb-wh-secret")
    declare(sample, ("registers", "registers"))
    kubectl("create", "-f", "-", text=json.dumps({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Warehouse",
        "metadata": {"name": "registered", "namespace": PROJECT},
        "spec": {"subscriptions": [{"git": {"repoURL": bitbucket.repository}}]}}))
    begun = time.monotonic()
    (url, secret), = eventually("the webhook is there", bitbucket.webhooks, 10)
    print(f"         {time.monotonic() - begun:.1f} s from the Warehouse to its webhook")
    check((url.startswith(f"{BASE_URL}/bitbucket/"), secret) == (True, SECOND), "the webhook is another")
    push = data_center_push(repository=bitbucket.repository)
    expect_refresh({"registered"}, lambda: post(url, push, secret))
    declare(sample)
    kubectl("delete", "-n", PROJECT, "warehouse/registered", "secret/registers")
    bitbucket.stop()


def check_from_a_pod():
    """Under the operator's own account."""
    findings = run_documented("docs/install.md", "check")
    check(findings.endswith(" 0 failure(s)\n"), findings)
    check("webhook" in run_documented("docs/runbooks.md", "look", NAMESPACE=KARGO), "the logs are not shown")
    told = run_documented("docs/receiverctl.md", "in the pod",
                          f"receiverctl receivers -n {PROJECT}\nreceiverctl explain - --offline <<< '{cloud_push().body}'")
    check("bb-wh-receiver" in told and "https://bitbucket.org/acme/shop" in told, f"receiverctl in the pod: {told}")
    for expected in "operator", "permission", f"receiver {PROJECT}/bb-wh-receiver", "base URL", "certificate", "answer":
        check(f"ok        {expected} " in findings, f"{expected}: {findings}")


def deliveries_from_a_pod_and_from_the_host():
    url = published_url()
    service = kubectl_json("get", "service", RELEASE, "-n", KARGO)["spec"]["clusterIP"]
    expect_refresh(FROM_CLOUD, lambda: post_from_pod(url, cloud_push(), SECRET, service))
    expect_refresh({"shop-data-center"}, lambda: post_from_pod(url, data_center_push(), SECRET, service))
    expect_refresh(FROM_CLOUD, lambda: post(url, cloud_push(), SECRET))
    expect_refresh({"shop-data-center"}, lambda: post(url, data_center_push(), SECRET))
    check(post(url, cloud_push(), "another secret")[0] == 401, "a wrong signature is accepted")


def deliveries_are_told_from_the_logs():
    """Of every replica, by somebody who may read the pods and their logs."""
    def told(*options):
        output = subprocess.run([ROOT / "build/release/receiverctl", "deliveries", "-n", PROJECT, "-o", "json", *options],
                                text=True, capture_output=True, check=True).stdout
        return json.loads(output)["items"]

    post(published_url(), cloud_push(), SECRET)
    eventually("the push and the wrong signature are shown",
               lambda: {"ok", "bad_signature"} <= {item["outcome"] for item in told()})
    check({item["pod"] for item in told()} <= set(names_of_all_pods()), f"of other pods: {told()}")
    check(all(item["receiver"] == "bb-wh-receiver" for item in told("--receiver", "bb-wh-receiver")), "of other receivers")
    followed = subprocess.Popen([ROOT / "build/release/receiverctl", "deliveries", "--follow", "--since", "1s", "-o", "json"],
                                text=True, stdout=subprocess.PIPE)
    try:
        time.sleep(2)  # until it follows, which nobody sees
        post(published_url(), cloud_push(), SECRET)
        check(json.loads(followed.stdout.readline())["project"] == PROJECT, "what is followed is of another project")
    finally:
        followed.kill()
        followed.wait()


def merged_pull_requests():
    url = published_url()
    for name, merge in (("waits-cloud", cloud_merge(CLOUD_PULL_REQUEST)),
                        ("waits-data-center", data_center_merge(f"{DATA_CENTER_PULL_REQUEST}/overview"))):
        before = refreshes("promotions")
        # The replica may not have seen the Promotions yet.
        eventually(f"{name} is refreshed", lambda event=merge: post(url, event, SECRET) ==
                   (200, '{"msg":"refreshed 1 promotion(s)"}'))
        changed = {each for each, token in refreshes("promotions").items() if token != before[each]}
        check(changed == {name}, f"refreshed {changed} instead of {name}")


def helm_test():
    check(" 0 failure(s)" in helm("test", RELEASE, "--timeout", "180s"), "helm test does not show what it has found")
    lead_the_service("nowhere")
    check(" 1 failure(s)" in helm("test", RELEASE, "--timeout", "180s", expect_success=False), "nor what is missing")
    lead_the_service(None)
    helm("test", RELEASE, "--timeout", "180s")


def lead_the_service(where):
    kubectl("patch", "service", RELEASE, "-n", KARGO, "-p", json.dumps({"spec": {"selector": {"leads": where}}}))
    eventually("the Service has endpoints, or none", lambda: (where is None) == bool(kubectl(
        "get", "endpoints", RELEASE, "-n", KARGO, "-o", "jsonpath={.subsets[*].addresses}")))


def as_openshift_runs_it():
    """Under a user that the cluster chooses, which no file of the image contains; the group is 0."""
    uid = 1000680000
    deploy("upgrade", *TLS, f"podSecurityContext.runAsUser={uid}", "podSecurityContext.runAsGroup=0")
    for pod in pods():
        check(owner_of(pod) == (uid, 0), f"{pod} runs as {owner_of(pod)}")
    expect_refresh(FROM_CLOUD, lambda: post(published_url(), cloud_push(), SECRET))
    helm("test", RELEASE, "--timeout", "180s")
    deploy("upgrade", *TLS)


def rotate_the_secret():
    set_secrets(secret=SECOND, secret_previous=SECRET)
    url = await_url(SECOND)
    expect_refresh(FROM_CLOUD, lambda: post(url, cloud_push(), SECOND))
    expect_refresh(FROM_CLOUD, lambda: post(receiver_url(SECRET), cloud_push(), SECRET))
    set_secrets(secret=SECOND)
    eventually("the previous secret is no longer served",
               lambda: all(post(receiver_url(SECRET), cloud_push(), SECRET, address, 8080)[0] == 404
                           for address in pods().values()))


def rotate_the_certificate():
    check(presented_certificate(NODE, NODE_PORT) == "first", "the certificate is not the installed one")
    certificate, key = make_certificate(FOLDER, "second", ALTERNATIVE_NAMES)
    secret = kubectl("create", "secret", "tls", "certificate", "-n", KARGO, f"--cert={certificate}", f"--key={key}",
                     "--dry-run=client", "-o", "yaml")
    before = pods()
    kubectl("replace", "-f", "-", text=secret)
    eventually("every replica presents the new certificate",
               lambda: all(presented_certificate(address, 8080) == "second" for address in pods().values()), 120)
    check(pods() == before, "the pods were replaced")


def scale_to_three():
    kubectl("scale", "deployment", RELEASE, "-n", KARGO, "--replicas=3")
    kubectl("rollout", "status", "deployment", RELEASE, "-n", KARGO, "--timeout=180s")
    check(len(pods()) == 3, f"replicas: {pods()}")
    for address in pods().values():
        expect_refresh(FROM_CLOUD, lambda at=address: post(receiver_url(SECOND), cloud_push(), SECOND, at, 8080))


def delete_the_leader():
    eventually("one of the replicas leads", lambda: leader() in pods())
    old = leader()
    kubectl("delete", "pod", old, "-n", KARGO, "--wait=false")
    eventually("another replica leads", lambda: leader() not in ("", old))
    set_secrets(secret=THIRD)
    expect_refresh(FROM_CLOUD, lambda url=await_url(THIRD): post(url, cloud_push(), THIRD))
    kubectl("rollout", "status", "deployment", RELEASE, "-n", KARGO, "--timeout=180s")


# For the last pods: a hanging one is noticed soon, and stopped without waiting.
IMPATIENT = ("replicas=3", "log.format=CONSOLE", "gracefulShutdownSeconds=5", "livenessProbe.periodSeconds=3",
             "livenessProbe.failureThreshold=3")


def upgrade_under_traffic():
    old = pods()
    with Refreshes("shop-https") as refreshed:
        with Traffic(receiver_url(THIRD), THIRD) as traffic:
            eventually("traffic flows", lambda: traffic.answers > 50)
            deploy("upgrade", *TLS, *IMPATIENT)
            eventually("the old pods are gone", lambda: not set(old) & set(names_of_all_pods()))
            served = traffic.answers
            eventually("traffic flows to the new pods", lambda: traffic.answers > served + 50)
        unapplied = refreshed.without(traffic.served)
    check(not set(old) & set(pods()), "the pods were not replaced")
    failures = traffic.failures
    check(not failures, f"{len(failures)} of {traffic.answers} deliveries failed: {failures[:5]}")
    check(not unapplied, f"{len(unapplied)} of {traffic.answers} deliveries refreshed nothing: {unapplied[:5]}")
    print(f"         {traffic.answers} deliveries, every one answered 200 and applied")


def names_of_all_pods():
    return kubectl("get", "pods", "-n", KARGO, "-o", "jsonpath={.items[*].metadata.name}").split()


def watch_it():
    for _ in range(3):  # fewer than the alert stands for
        check(post(receiver_url(THIRD), cloud_push(), SECRET)[0] == 401, "a wrong signature is accepted")
    with Prometheus(pods()) as prometheus, Traffic(receiver_url(THIRD), THIRD):
        queries = prometheus.await_data_in_every_panel()
        prometheus.check_names()
        alerts = prometheus.check_alerts()
        memory = max(prometheus.values("process_resident_memory_bytes")) / 2**20
    print(f"         {memory:.0f} MiB resident at most")
    print(f"         {queries} queries of the dashboard have data, none of {alerts} alerts fires")


def change_the_log_level():
    before = pods()
    deploy("upgrade", *TLS, *IMPATIENT, "log.level=DEBUG")
    check(pods() == before, "the pods were replaced")
    eventually("every replica has changed its log level", lambda: all(
        "has changed the log level" in kubectl("logs", pod, "-n", KARGO) for pod in before), 120)


def upgrade_with_the_values_of_the_release():
    before = pods()
    run_documented("docs/upgrading.md", "upgrade", **{"config/chart": shlex.join(CHART)})
    check(pods() == before, "the pods were replaced")


def a_thread_that_hangs():
    """The node restarts the pod's container; the other pods keep running."""
    stuck = sorted(pods())[0]
    halt(thread_of(stuck, "webhook-1"))

    def restarts():
        items = kubectl_json("get", "pods", "-n", KARGO, "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
        return {item["metadata"]["name"]: item["status"]["containerStatuses"][0]["restartCount"] for item in items}

    before = restarts()
    eventually("the container is restarted", lambda: restarts() == before | {stuck: before[stuck] + 1}, 120)
    kubectl("wait", "--for=condition=Ready", f"pod/{stuck}", "-n", KARGO, "--timeout=60s")
    expect_refresh(FROM_CLOUD, lambda: post(receiver_url(THIRD), cloud_push(), THIRD, pods()[stuck], 8080))


def uninstall(before):
    remove()
    try:
        eventually("nothing is left", lambda: everything() <= before)
    except AssertionError:
        raise AssertionError(f"helm uninstall has left {everything() - before}") from None
    check(kubectl("get", "crd", "warehouses.kargo.akuity.io", "-o", "name"), "the CRDs are gone")


def tell_state():
    for arguments in (["get", "pods", "-A", "-o", "wide"], ["get", "events", "-A", "--field-selector", "type=Warning"],
                      ["logs", "-n", KARGO, "-l", f"app.kubernetes.io/instance={RELEASE}", "--tail=15", "--prefix"]):
        subprocess.run([os.environ["KUBECTL"], *arguments])


def main():
    started = time.monotonic()

    def chapter(tell, *arguments):
        begun = time.monotonic()
        tell(*arguments)
        print(f"{time.monotonic() - begun:6.1f} s {tell.__name__.replace('_', ' ')}", flush=True)

    try:
        chapter(a_cluster_with_kargo)
        before = everything()
        chapter(beside_kargos_own_server)
        bitbucket = Bitbucket()
        chapter(install, bitbucket)
        installed = time.monotonic()
        chapter(the_sample_project)
        chapter(the_first_refresh, installed)
        sample = {thing for thing in everything() - before if thing[1] == PROJECT}
        service = kubectl_json("get", "service", RELEASE, "-n", KARGO)["spec"]["clusterIP"]
        chapter(tell_names, [{"ip": service, "hostnames": [HOST]}, {"ip": bitbucket.ip, "hostnames": [bitbucket.name]}])
        chapter(webhooks_register_themselves, bitbucket)
        chapter(check_from_a_pod)
        chapter(tell_names, None)
        chapter(deliveries_from_a_pod_and_from_the_host)
        chapter(deliveries_are_told_from_the_logs)
        chapter(merged_pull_requests)
        chapter(helm_test)
        chapter(as_openshift_runs_it)
        chapter(rotate_the_secret)
        chapter(rotate_the_certificate)
        chapter(scale_to_three)
        chapter(delete_the_leader)
        chapter(upgrade_under_traffic)
        chapter(watch_it)
        chapter(change_the_log_level)
        chapter(upgrade_with_the_values_of_the_release)
        chapter(a_thread_that_hangs)
        chapter(uninstall, before | sample)
    except AssertionError as error:
        tell_state()
        sys.exit(f"e2e: {error}")
    print(f"{time.monotonic() - started:6.1f} s in all")


if __name__ == "__main__":
    main()
