#!/usr/bin/env python3
"""Whether the permissions in config/rbac are exactly those that the operator has used in the integration tests, and
whether it asks for those of registering webhooks only where a receiver does that.

least_privilege.py BASE, their control planes being those that cluster.py has started below BASE/* for the caller. The
audit logs there say what the operator has asked. It fails if the operator has asked for something that no rule grants,
which is a 403 wherever it runs, and if a rule grants a verb that it has never used. A 403 against a rule is no finding:
tests withhold a binding, and an API server that has just started refuses everybody. But those of registration are bound in
tests of registering alone: a 403 there means that the operator has read Stages for nobody.
"""

import json
import os
import pathlib
import subprocess
import sys


RBAC = pathlib.Path(__file__).resolve().parents[2] / "config/rbac"


def granted(directory, files):
    """(group, resource, verb) of all rules."""
    settings = dict(line.split("=", 1) for line in (directory / "env").read_text().splitlines())
    command = [settings["KUBECTL"], "--kubeconfig", settings["KUBECONFIG"], "get", "--output", "json", "--filename",
               str(files)]
    answer = json.loads(subprocess.check_output(command))
    return {
        (group, resource, verb)
        for item in answer.get("items", [answer])
        for rule in item.get("rules", [])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def requests(directory):
    """(group, resource, verb) of each request, and whether it was allowed."""
    log = directory / "audit.log"  # there from the first request on
    for line in log.read_text().splitlines() if log.exists() else ():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:  # half a line, of an API server that a test killed
            continue
        target = event.get("objectRef", {})
        if "resource" not in target:  # no object but a path, such as /version
            continue
        resource = "/".join(filter(None, [target["resource"], target.get("subresource")]))
        allowed = event.get("responseStatus", {}).get("code") != 403
        yield (target.get("apiGroup", ""), resource, event["verb"]), allowed


def main():
    directories = list(pathlib.Path(sys.argv[1]).glob(f"*/{os.getppid()}"))
    always, registration = (granted(directories[0], files) for files in (RBAC, RBAC / "registration/role.yaml"))
    rules, seen = always | registration, [request for directory in directories for request in requests(directory)]
    asked, used = {request for request, _ in seen}, {request for request, allowed in seen if allowed}
    refused = {request for request, allowed in seen if not allowed}
    findings = [f"asked for, but granted by no rule: {request}" for request in sorted(asked - rules)]
    findings += [f"granted, but never used: {permission}" for permission in sorted(rules - used)]
    findings += [f"asked for without registration: {request}" for request in sorted(refused & registration)]
    print(f"{len(seen)} requests of the operator, {len(used)} of {len(rules)} permissions used")
    sys.exit("\n".join(findings) or None)


if __name__ == "__main__":
    main()
