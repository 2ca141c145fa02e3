#!/usr/bin/env python3
"""Upgrades from the previous release to this one and back, as in docs/upgrading.md, under traffic: `make upgrade-test`.

Kargo's own server is disabled, and the previous release was installed with its default values: what its chart made, the
account and the Lease, is no longer of this one.
"""

import os
import re
import shlex
import subprocess
import sys
import time

from e2e_test import KARGO_ACCOUNT, RELEASE, SECRET, await_url, helm, leader, names_of_all_pods, pods
from helpers import (ALTERNATIVE_NAMES, BASE_URL, FOLDER, KARGO, NODE_PORT, PROJECT, ROOT, Refreshes, Traffic, check,
                     eventually, kubectl, kubectl_json, receiver_url)
from control_plane import make_authority, make_certificate

VALUES = ("tls.enabled=true", "tls.secretName=certificate", "service.type=NodePort", f"service.nodePort={NODE_PORT}",
          f"baseURL={BASE_URL}", "image.repository=localhost/bitbucket-receiver")
CHART, PREVIOUS = str(ROOT / "config/chart"), os.environ["PREVIOUS_CHART"]


def deploy(command, chart, *arguments, more=()):
    helm(command, RELEASE, chart, "--wait", "--timeout", "300s", "--set", ",".join([*VALUES, *more]), *arguments)


def versions():
    """The versions of pods that are not terminating."""
    items = kubectl_json("get", "pods", "-n", KARGO, "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
    return {item["metadata"]["labels"]["app.kubernetes.io/version"] for item in items}


def documented(command):
    """The line of docs/upgrading.md that begins with this command."""
    return shlex.split(re.search(rf"^ *({command} .*)$", (ROOT / "docs/upgrading.md").read_text(), re.M)[1])


def the_previous_release():
    kubectl("apply", "-f", str(ROOT / "config/crd"))
    kubectl("wait", "--for=condition=Established", "crd", "--all")
    kubectl("apply", "-f", str(ROOT / "config/rbac/namespaces.yaml"))
    kubectl("label", "namespace", KARGO, "pod-security.kubernetes.io/enforce=restricted")
    make_authority(FOLDER)
    certificate, key = make_certificate(FOLDER, "first", ALTERNATIVE_NAMES)
    kubectl("create", "secret", "tls", "certificate", "-n", KARGO, f"--cert={certificate}", f"--key={key}")
    deploy("install", PREVIOUS)
    kubectl("apply", "-f", str(ROOT / "config/samples"))
    await_url(SECRET)


def under_traffic(act):
    """Checks that nothing is lost, the published URL stays, and a replica leads in the end."""
    before = await_url(SECRET)
    old = set(pods())
    with Refreshes("shop-https") as refreshed:
        with Traffic(receiver_url(SECRET), SECRET) as traffic:
            eventually("traffic flows", lambda: traffic.answers > 50)
            act()
            eventually("the old pods are gone", lambda: not old & set(names_of_all_pods()))
            served = traffic.answers
            eventually("traffic flows to the new pods", lambda: traffic.answers > served + 50)
        unapplied = refreshed.without(traffic.served)
    failures = traffic.failures
    check(not failures, f"{len(failures)} of {traffic.answers} deliveries failed: {failures[:5]}")
    check(not unapplied, f"{len(unapplied)} of {traffic.answers} deliveries refreshed nothing: {unapplied[:5]}")
    check(await_url(SECRET) == before, "the URL has changed")
    eventually("one of the new pods leads", lambda: leader() in pods())
    print(f"         {traffic.answers} deliveries, every one answered 200 and applied; now {versions()}", flush=True)


def to_this_one_keeping_the_account():
    def act():
        command = documented("kubectl --namespace kargo annotate")
        subprocess.run([os.environ["KUBECTL"], *command[1:]], check=True)
        deploy("upgrade", CHART)

    under_traffic(act)
    kubectl("get", "serviceaccount", KARGO_ACCOUNT, "-n", KARGO)
    check("helm.sh/resource-policy" in kubectl("get", "lease", RELEASE, "-n", KARGO, "-o", "jsonpath={.metadata.annotations}"),
          "the Lease is another one")


def and_back():
    command = documented("helm upgrade bitbucket-receiver PATH-OF-THE-0.1.0-CHART")
    under_traffic(lambda: deploy("upgrade", PREVIOUS, *[word for word in command if word == "--take-ownership"]))


def to_this_one_that_makes_the_account():
    """Helm deletes the Lease, which the operator creates again."""
    kubectl("annotate", "lease", RELEASE, "-n", KARGO, "helm.sh/resource-policy-")
    under_traffic(lambda: deploy("upgrade", CHART, more=("serviceAccount.create=true",)))
    kubectl("get", "serviceaccount", KARGO_ACCOUNT, "-n", KARGO)


def a_deleted_lease_is_created_again():
    """By whichever replica tries first: its holder may be another one then."""
    kubectl("delete", "lease", RELEASE, "-n", KARGO)
    eventually("a replica has created the Lease, and leads", lambda: leader() in pods())


def replicas_of_both_at_once():
    """A paused rollout: whichever replica leads, both serve, and neither overwrites the other's status."""
    kubectl("set", "image", f"deployment/{RELEASE}", "-n", KARGO, "receiver=localhost/bitbucket-receiver:0.1.0")
    kubectl("rollout", "pause", f"deployment/{RELEASE}", "-n", KARGO)
    eventually("both are there", lambda: len({item["spec"]["containers"][0]["image"] for item in kubectl_json(
        "get", "pods", "-n", KARGO, "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]}) == 2)
    config = ("get", "projectconfig", PROJECT, "-n", PROJECT, "-o", "jsonpath={.metadata.resourceVersion}")
    before, old = kubectl(*config), leader()
    kubectl("delete", "pod", old, "-n", KARGO)
    eventually("another one leads", lambda: leader() not in ("", old))
    with Traffic(receiver_url(SECRET), SECRET) as traffic:
        eventually("traffic flows", lambda: traffic.answers > 200)
    check(not traffic.failures, f"{traffic.failures[:5]}")
    check(kubectl(*config) == before, "one has written over the other's status")
    kubectl("rollout", "resume", f"deployment/{RELEASE}", "-n", KARGO)
    kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", KARGO, "--timeout=180s")


def main():
    started = time.monotonic()
    try:
        for chapter in (the_previous_release, to_this_one_keeping_the_account, and_back, to_this_one_that_makes_the_account,
                        a_deleted_lease_is_created_again, replicas_of_both_at_once):
            begun = time.monotonic()
            chapter()
            print(f"{time.monotonic() - begun:6.1f} s {chapter.__name__.replace('_', ' ')}", flush=True)
    except AssertionError as error:
        subprocess.run([os.environ["KUBECTL"], "get", "pods,events", "-n", KARGO])
        sys.exit(f"upgrade: {error}")
    print(f"{time.monotonic() - started:6.1f} s in all")


if __name__ == "__main__":
    main()
