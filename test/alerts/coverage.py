#!/usr/bin/env python3
"""Every alert has a severity, a runbook with a row and a section, and a test in which it fires."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = (ROOT / "config/alerts/rules.yaml").read_text()
RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
TESTS = "".join(file.read_text() for file in sorted((ROOT / "test/alerts").glob("*_test.yaml")))
PLACE = "https://bitbucket-receiver.example/docs/runbooks.md"


def missing(alert, rule):
    severity = re.search(r"severity: (\w+)", rule)
    if not severity:
        yield "has no severity"
    elif f"| [{alert}](#{alert.lower()}) | {severity[1]} |" not in RUNBOOKS:
        yield "has no row of its severity in docs/runbooks.md"
    if f"\n## {alert}\n" not in RUNBOOKS:
        yield "has no section in docs/runbooks.md"
    if f"runbook_url: {PLACE}#{alert.lower()}\n" not in rule:
        yield "has no runbook_url of its section"
    if not re.search(rf'alertname="{alert}", alertstate="firing".*value: 1', TESTS):
        yield "fires in no test"
    if "by (cluster, namespace" not in rule:
        yield "does not tell one installation from another"


def main():
    alerts = dict(re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", RULES, re.S))
    found = [f"{alert} {what}" for alert, rule in alerts.items() for what in missing(alert, rule.rstrip() + "\n")]
    found += [f"docs/runbooks.md has a section of no alert: {title}"
              for title in set(re.findall(r"^## (\w+)$", RUNBOOKS, re.M)) - alerts.keys()]
    print("\n".join(found) or f"alerts: all of {len(alerts)} have a runbook and fire in a test")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
