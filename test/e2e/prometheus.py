"""A Prometheus that scrapes the replicas and evaluates the project's alerts and dashboard."""

import json
import math
import re
import subprocess
import urllib.parse
import urllib.request

from helpers import FOLDER, KARGO, ROOT, check, eventually
from control_plane import in_url
from processes import Processes

ALERTS = ROOT / "config/alerts/rules.yaml"
ADDRESS = "127.0.0.1:9190"
JOB = "bitbucket-receiver-metrics"  # what the Prometheus operator names it after: the Service


def dashboard_queries():
    """(panel, expression) with Grafana's variables replaced."""
    dashboard = json.loads((ROOT / "config/dashboards/bitbucket-receiver.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in ("$cluster", ".*"), ("$namespace", KARGO), ("$job", JOB), ("$__rate_interval", "10s"):
                expression = expression.replace(variable, value)
            yield panel["title"], expression


class Prometheus:
    def __init__(self, pods):
        self._addresses = list(pods.values())
        targets = [{"targets": [f"{in_url(address)}:9090"], "labels": {"namespace": KARGO, "pod": pod}}
                   for pod, address in pods.items()]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [{"job_name": JOB, "static_configs": targets}]}
        (FOLDER / "prometheus.json").write_text(json.dumps(config))  # JSON is YAML
        self._processes = Processes(FOLDER)
        self._processes.start("prometheus", "prometheus", f"--config.file={FOLDER}/prometheus.json",
                              f"--storage.tsdb.path={FOLDER}/prometheus", f"--web.listen-address={ADDRESS}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._processes.stop_all()

    def get(self, path, **parameters):
        try:
            url = f"http://{ADDRESS}{path}?{urllib.parse.urlencode(parameters)}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except OSError:
            check(self._processes.runs("prometheus"), f"Prometheus has ended: {self._processes.log('prometheus').read_text()}")
            return None

    def values(self, expression):
        data = self.get("/api/v1/query", query=expression)
        return [float(sample["value"][1]) for sample in data["result"]] if data else []

    def has_data(self, expression):
        return any(not math.isnan(value) for value in self.values(expression))

    def await_data_in_every_panel(self):
        queries = list(dashboard_queries())
        for panel, expression in queries:
            eventually(f"panel {panel!r} has data: {expression}", lambda query=expression: self.has_data(query))
        return len(queries)

    def check_names(self):
        """Checks names, units and help with Prometheus' rules."""
        for address in self._addresses:
            with urllib.request.urlopen(f"http://{address}:9090/metrics", timeout=5) as answer:
                linted = subprocess.run(["promtool", "check", "metrics"], input=answer.read(), capture_output=True)
            check(linted.returncode == 0, f"promtool check metrics: {linted.stdout}{linted.stderr}")

    def check_alerts(self):
        """Checks that all rules are evaluated, that their metrics exist, and that none fires."""
        for name in set(re.findall(r"(?:bitbucket_receiver|leader_election)_\w+", ALERTS.read_text())):
            check(self.has_data(name), f"the alerts name a metric that no replica has: {name}")
        rules = [rule for group in self.get("/api/v1/rules")["groups"] for rule in group["rules"]]
        eventually("all alerts are evaluated", lambda: all(
            rule["health"] == "ok" for group in self.get("/api/v1/rules")["groups"] for rule in group["rules"]))
        firing = [alert["labels"]["alertname"] for alert in self.get("/api/v1/alerts")["alerts"]
                  if alert["state"] == "firing"]
        check(not firing, f"firing: {firing}")
        return len(rules)
