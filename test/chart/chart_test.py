#!/usr/bin/env python3
"""The Helm chart against a real API server, without a node: `make chart-test`.

Every pair of the choices below occurs in one rendering at least, and the API server must take each rendering as a dry
run, under strict validation and the restricted Pod Security Standard, without a warning. Kinds of third parties are
declared in third_party/. What the API server cannot know is asserted by the tests at the end.
"""

import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/cluster"))

from control_plane import ControlPlane, binaries

CHART = ROOT / "config/chart"
BASE = {"baseURL": "https://hooks.example.com"}

KARGO_ACCOUNT = "kargo-external-webhooks-server"
OWN_ACCOUNT = {"serviceAccount": {"name": "receiver", "promote": True}, "projects": ["team-a"]}
GATEWAY = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway", "namespace": "team-a"}]}}
ISSUER = {"name": "letsencrypt", "kind": "ClusterIssuer"}

# What a user decides, and the ways to decide it.
CHOICES = {
    "base URL": [BASE, {"baseURL": "http://hooks.example.com:8080/kargo/"}],
    "replicas": [{}, {"replicas": 1}, {"autoscaling": {"enabled": True}}],
    "account": [{}, {"serviceAccount": {"create": False}}, OWN_ACCOUNT],
    "Secrets": [{}, {"secretAccess": "cluster"}, {"systemResourcesNamespace": ""}],
    "CRDs": [{}, {"crds": {"install": True}}],
    "TLS": [
        {},
        {"tls": {"enabled": True, "secretName": "certificate"}},
        {"tls": {"enabled": True, "certManager": {"enabled": True, "issuerRef": ISSUER}}},
    ],
    "Service": [
        {},
        {"service": {"type": "NodePort", "port": 8443, "nodePort": 30443}},
        {"service": {"type": "LoadBalancer", "loadBalancerClass": "example.com/lb"}},
    ],
    "Ingress": [
        {},
        {"ingress": {"enabled": True}},
        {"ingress": {"enabled": True, "className": "nginx", "tlsSecretName": "tls", "annotations": {"a": "b"}}},
    ],
    "HTTPRoute": [{}, GATEWAY],
    "disruption": [{}, {"podDisruptionBudget": {"enabled": False}}],
    "NetworkPolicy": [
        {},
        {"networkPolicy": {"enabled": True}},
        {"networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}],
                           "deliveriesFrom": [{"ipBlock": {"cidr": "104.192.136.0/21"}}]}},
    ],
    "monitoring": [
        {},
        {"serviceMonitor": {"enabled": True}, "dashboard": {"enabled": True}},
        {"prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}}},
    ],
    "scheduling": [
        {},
        {"topologySpreadConstraints": [], "nodeSelector": {"kubernetes.io/arch": "amd64"},
         "tolerations": [{"key": "edge", "operator": "Exists"}], "priorityClassName": "system-cluster-critical",
         "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
             {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]}}}},
    ],
    "extras": [
        {},
        {"extraEnv": [{"name": "SSL_CERT_FILE", "value": "/ca/ca.crt"}],
         "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
         "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
         "labels": {"team": "a"}, "annotations": {"owner": "b"}, "podLabels": {"c": "d"}, "podAnnotations": {"e": "f"}},
    ],
    "names": [{}, {"fullnameOverride": "hooks"}, {"nameOverride": "hooks"}],
    "settings": [{}, {"settings": {"MAX_BODIES_BYTES": 33554432, "CATCH_UP": False, "ANSWER_DEADLINE": "5s"}}],
}


def pairwise(choices):
    """Few combinations that hold every pair of ways of any two choices (greedily: no promise of the fewest)."""
    names = list(choices)
    missing = {
        ((a, i), (b, j))
        for a, b in itertools.combinations(names, 2)
        for i in range(len(choices[a]))
        for j in range(len(choices[b]))
    }
    while missing:
        row = dict(min(missing))
        for name in names:
            if name in row:
                continue

            def gain(way):
                others = ((other, row[other]) for other in row)
                return sum(tuple(sorted((pair, (name, way)), key=lambda p: names.index(p[0]))) in missing
                           for pair in others)

            row[name] = max(range(len(choices[name])), key=gain)
        missing -= set(itertools.combinations([(name, row[name]) for name in names], 2))
        yield {name: row[name] for name in names}


def merged(*parts):
    result = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


class Chart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.helm_binary = binaries("helm") / "helm"
        cls.cluster = ControlPlane(cls.folder.name)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.kubeconfig = cls.cluster.kubeconfig
        cls.kubectl("create", "-f", str(ROOT / "test/chart/third_party"))
        cls.kubectl("wait", "--for=condition=Established", "--timeout=180s", "crd", "--all")
        for namespace in "kargo", "kargo-system-resources", "team-a":
            cls.kubectl("create", "namespace", namespace)
        # The hook of `helm test` is a bare pod, whose account must exist.
        cls.kubectl("create", "serviceaccount", "default", "--namespace", "kargo")
        cls.kubectl("label", "namespace", "kargo", "pod-security.kubernetes.io/enforce=restricted",
                    "pod-security.kubernetes.io/warn=restricted")

    @classmethod
    def kubectl(cls, *arguments, text=None):
        """Standard output; what is told beside it, a warning for example, fails the test."""
        command = [cls.cluster.binaries / "kubectl", "--kubeconfig", cls.kubeconfig, *arguments]
        done = subprocess.run(command, input=text, text=True, capture_output=True)
        if done.returncode or done.stderr:
            raise AssertionError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    @classmethod
    def helm(cls, command, values, *arguments):
        arguments = [cls.helm_binary, command, *arguments, "--namespace", "kargo"]
        if values is not None:
            file = pathlib.Path(cls.folder.name, "values.json")
            file.write_text(json.dumps(values))
            arguments += ["--values", file]
        return subprocess.run(arguments, text=True, capture_output=True,
                              env={**os.environ, "KUBECONFIG": str(cls.kubeconfig)})

    def rendered(self, values):
        done = self.helm("template", values, "release", str(CHART))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def objects(self, values):
        """Rendered objects as the API server would store them, by (kind, name)."""
        listed = json.loads(self.dry_run(self.rendered(values), "--output", "json"))
        return {(item["kind"], item["metadata"]["name"]): item for item in listed["items"]}

    def dry_run(self, text, *arguments):
        return self.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", "-", *arguments, text=text)

    def assert_refused(self, values, reason):
        done = self.helm("template", values, "release", str(CHART))
        self.assertNotEqual(done.returncode, 0, f"{values} was rendered")
        self.assertIn(reason, done.stderr)

    def test_lint(self):
        done = self.helm("lint", BASE, "--strict", str(CHART))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_pair_of_choices_is_valid(self):
        combinations = list(pairwise(CHOICES))
        for combination in combinations:
            with self.subTest(combination):
                values = merged(BASE, *(CHOICES[name][way] for name, way in combination.items()))
                self.dry_run(self.rendered(values))
        print(f"{len(combinations)} renderings hold every pair of {len(CHOICES)} choices", flush=True)

    def test_only_the_base_url_is_required(self):
        self.assert_refused({}, "baseURL")
        self.dry_run(self.rendered(BASE))

    def test_wrong_values_are_refused(self):
        for values, reason in [
            ({"baseURL": "hooks.example.com"}, "baseURL"),
            ({"baseURL": "https://hooks.example.com/?a=b"}, "baseURL"),
            ({"replica": 2}, "replica"),
            ({"secretAccess": "all"}, "secretAccess"),
            ({"httpRoute": {"enabled": True}}, "parentRefs"),
            ({"tls": {"certManager": {"enabled": True, "issuerRef": {"name": "a"}}}}, "tls"),
            ({"tls": {"enabled": True, "certManager": {"enabled": True}}}, "issuerRef"),
            ({"settings": {"PORT": 1}}, "PORT"),
            ({"settings": {"LOG_LEVEL": "DEBUG"}}, "LOG_LEVEL"),
        ]:
            with self.subTest(values):
                self.assert_refused(merged(BASE, values), reason)

    def test_routes_claim_the_bitbucket_receivers_only(self):
        for url, path in [
            ("https://hooks.example.com", "/bitbucket/"),
            ("https://hooks.example.com/", "/bitbucket/"),
            ("https://hooks.example.com:8443/kargo//webhooks/", "/kargo/webhooks/bitbucket/"),
        ]:
            objects = self.objects(merged({"baseURL": url, "ingress": {"enabled": True}}, GATEWAY))
            (rule,) = objects["Ingress", "release-bitbucket-receiver"]["spec"]["rules"]
            self.assertEqual(rule["host"], "hooks.example.com")
            self.assertEqual([p["path"] for p in rule["http"]["paths"]], [path])
            route = objects["HTTPRoute", "release-bitbucket-receiver"]["spec"]
            self.assertEqual(route["hostnames"], ["hooks.example.com"])
            self.assertEqual([m["path"]["value"] for r in route["rules"] for m in r["matches"]], [path])

    def test_pods_have_time_to_finish(self):
        deployment = self.objects(merged(BASE, {"gracefulShutdownSeconds": 45}))[
            "Deployment", "release-bitbucket-receiver"]
        self.assertEqual(deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 55)

    def test_only_the_log_level_changes_without_new_pods(self):
        def checksum(values):
            deployment = self.objects(merged(BASE, values))["Deployment", "release-bitbucket-receiver"]
            template = deployment["spec"]["template"]
            return template["metadata"]["annotations"]["checksum/settings"]

        self.assertEqual(checksum({}), checksum({"log": {"level": "DEBUG"}}))
        self.assertNotEqual(checksum({}), checksum({"log": {"format": "CONSOLE"}}))

    def test_secrets_of_the_whole_cluster_only_when_asked(self):
        def secret_readers(values):
            return {
                (item["kind"], item["metadata"].get("namespace"))
                for item in self.objects(merged(BASE, values)).values()
                if item.get("roleRef", {}).get("name", "").endswith("-project-secrets")
            }

        self.assertEqual(secret_readers({}), {("RoleBinding", "kargo-system-resources")})
        self.assertEqual(secret_readers({"projects": ["team-a"], "systemResourcesNamespace": ""}),
                         {("RoleBinding", "team-a")})
        self.assertEqual(secret_readers({"secretAccess": "cluster"}), {("ClusterRoleBinding", None)})

    def test_permissions_are_those_that_the_operator_is_tested_under(self):
        def rules(items):
            """(kind of role, API group, resource, name, verb), each of them."""
            return sorted(
                (item["kind"], group, resource, name, verb)
                for item in items
                for rule in item.get("rules", [])
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for name in rule.get("resourceNames", [""])
                for verb in rule["verbs"]
            )

        text = "\n---\n".join(file.read_text() for file in sorted((ROOT / "config/rbac").glob("*.yaml"))
                             if file.name != "namespaces.yaml")
        tested = json.loads(self.dry_run(text, "--output", "json"))["items"]
        self.assertEqual(rules(self.objects(BASE).values()), rules(tested))
        more = rules(self.objects(merged(BASE, OWN_ACCOUNT)).values())
        self.assertEqual([rule for rule in more if rule not in rules(tested)],
                         [("ClusterRole", "kargo.akuity.io", "stages", "", "promote")])

    def test_the_node_ends_what_hangs(self):
        deployment = self.objects(BASE)["Deployment", "release-bitbucket-receiver"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        probe = container["livenessProbe"]
        self.assertEqual((probe["httpGet"]["path"], probe["httpGet"]["port"]), ("/livez", "metrics"))
        self.assertLessEqual(probe["periodSeconds"] * probe["failureThreshold"], 60)

    def test_only_what_is_ready_is_sent_deliveries(self):
        deployment = self.objects(BASE)["Deployment", "release-bitbucket-receiver"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        probe = container["readinessProbe"]
        self.assertEqual((probe["httpGet"]["path"], probe["httpGet"]["port"]), ("/readyz", "metrics"))
        self.assertLessEqual(probe["periodSeconds"] * probe["failureThreshold"], 10)
        services = [item for (kind, _), item in self.objects(BASE).items() if kind == "Service"]
        self.assertEqual({item["spec"]["ports"][0]["name"]: item["spec"].get("publishNotReadyAddresses", False)
                          for item in services}, {"webhooks": False, "metrics": True})

    def test_replicas_go_one_at_a_time(self):
        def budget(values):
            return self.objects(merged(BASE, values)).get(("PodDisruptionBudget", "release-bitbucket-receiver"))

        strategy = self.objects(BASE)["Deployment", "release-bitbucket-receiver"]["spec"]["strategy"]
        self.assertEqual(strategy, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        self.assertEqual(budget({})["spec"]["maxUnavailable"], 1)
        self.assertEqual(budget({"replicas": 1, "autoscaling": {"enabled": True}})["spec"]["maxUnavailable"], 1)
        self.assertIsNone(budget({"replicas": 1}), "a drain would wait for ever")
        self.assertIsNone(budget({"podDisruptionBudget": {"enabled": False}}))

    def test_what_points_at_the_pods_finds_them(self):
        objects = self.objects(merged(BASE, {"networkPolicy": {"enabled": True}, "autoscaling": {"enabled": True},
                                             "serviceMonitor": {"enabled": True}}))
        spec = objects["Deployment", "release-bitbucket-receiver"]["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.assertEqual(ports, {"webhooks": 8080, "metrics": 9090})

        services = {item["spec"]["ports"][0]["name"]: item for (kind, _), item in objects.items() if kind == "Service"}
        self.assertEqual({name: item["spec"]["ports"][0]["targetPort"] for name, item in services.items()},
                         {"webhooks": "webhooks", "metrics": "metrics"})
        budget = objects["PodDisruptionBudget", "release-bitbucket-receiver"]["spec"]
        policy = objects["NetworkPolicy", "release-bitbucket-receiver"]["spec"]
        self.assertEqual([rule["ports"][0]["port"] for rule in policy["ingress"]], ["webhooks", "metrics"])
        self.assertEqual([port["port"] for rule in policy["egress"] for port in rule["ports"]], [53, 53, 443, 6443])
        (spread,) = pod["topologySpreadConstraints"]
        labels = spec["template"]["metadata"]["labels"]
        for selector in [
            *(item["spec"]["selector"] for item in services.values()), spec["selector"]["matchLabels"],
            budget["selector"]["matchLabels"], policy["podSelector"]["matchLabels"], spread["labelSelector"]["matchLabels"],
        ]:
            self.assertEqual(selector, {name: labels[name] for name in
                                        ("app.kubernetes.io/name", "app.kubernetes.io/instance")})

        monitor = objects["ServiceMonitor", "release-bitbucket-receiver"]["spec"]
        monitored = [name for name, item in services.items()
                     if monitor["selector"]["matchLabels"].items() <= item["metadata"]["labels"].items()]
        self.assertEqual((monitored, monitor["endpoints"][0]["port"]), (["metrics"], "metrics"))

        scaler = objects["HorizontalPodAutoscaler", "release-bitbucket-receiver"]["spec"]
        self.assertEqual(scaler["scaleTargetRef"]["name"], "release-bitbucket-receiver")
        self.assertEqual((scaler["minReplicas"], scaler["maxReplicas"]), (2, 6))

    def test_an_account_that_exists_is_left_alone(self):
        self.assertIn(("ServiceAccount", KARGO_ACCOUNT), self.objects(BASE))
        reused = self.objects(merged(BASE, {"serviceAccount": {"create": False}}))
        self.assertNotIn("ServiceAccount", {kind for kind, _ in reused})

    def test_the_chart_installs_this_operator(self):
        project = re.search(r"^project\(.* VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
        self.assertEqual(re.findall(r"^appVersion: (\S+)$", (CHART / "Chart.yaml").read_text(), re.M), [project])

    def test_the_package_is_whole(self):
        """Flux packs a chart's plain files, and helm refuses or warns about anything else."""
        with tempfile.TemporaryDirectory() as folder:
            done = self.helm("package", None, str(CHART), "--destination", folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            (package,) = pathlib.Path(folder).iterdir()
            with tarfile.open(package) as archive:
                packed = {str(pathlib.PurePath(*pathlib.PurePath(member.name).parts[1:])): member.isfile()
                          for member in archive}
        files = {str(file.relative_to(CHART)): True for file in CHART.rglob("*") if not file.is_dir()}
        self.assertEqual(packed, files)
        about = (CHART / "Chart.yaml").read_text()
        for field in "home", "icon", "sources", "maintainers", "annotations":
            self.assertRegex(about, rf"(?m)^{field}:")

    def test_the_notes_warn(self):
        def notes(values):
            done = self.helm("install", merged(BASE, values), "release", str(CHART), "--dry-run=client")
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.split("NOTES:")[1]

        self.assertNotIn("WARNING", notes({}))
        self.assertIn("read every Secret", notes({"secretAccess": "cluster"}))
        self.assertIn("promote to every Stage", notes(OWN_ACCOUNT))
        self.assertIn("not https", notes({"baseURL": "http://hooks.example.com"}))
        self.assertIn("may not read the Secrets", notes({"serviceAccount": {"name": "receiver"}}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
