#!/usr/bin/env python3
"""The Helm chart against a real API server, without a node: `make chart-test`.

Every pair of the choices of choices.py occurs in one rendering at least. The API server must take each rendering, under
strict validation and the restricted Pod Security Standard, without a warning, and must give back what was sent. Kinds of
third parties are theirs (schemas.py). What the API server cannot know is asserted by the tests at the end.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/cluster"))

import schemas
from choices import BASE, CHOICES, GATEWAY, KARGO_ACCOUNT, OWN_ACCOUNT, merged, pairwise
from control_plane import ControlPlane, binaries

CHART = ROOT / "config/chart"


CHOSEN = {"nodePort"}  # Kubernetes chooses it for each object


def blocks(document):
    """(heading above it, text) of each block of YAML."""
    heading = ""
    for title, text in re.findall(r"^## ([^\n]*)$|^```yaml\n(.*?)^```$", (ROOT / document).read_text(), re.M | re.S):
        heading = title or heading
        if text:
            yield heading, text


def documents(text):
    """The objects in kubectl's output, which are JSON documents one after another."""
    position = 0
    while position < len(text.rstrip()):
        document, position = json.JSONDecoder().raw_decode(text, position)
        yield document
        position += len(text[position:]) - len(text[position:].lstrip())


def drift(sent, stored, path="", whole=False):
    """Differences between sent and stored objects. A stored map may have more keys, but not in a list: a comparison of lists
    cannot ignore them."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        for key in sent.keys() | (stored.keys() - CHOSEN if whole else set()):
            yield from drift(sent.get(key), stored.get(key), f"{path}.{key}", whole)
    elif isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        for index, pair in enumerate(zip(sent, stored)):
            yield from drift(*pair, f"{path}[{index}]", True)
    elif sent != stored:
        yield f"{path}: {json.dumps(sent)} is stored as {json.dumps(stored)}"


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
        for file in schemas.files():
            cls.kubectl("create", "-f", str(file))
        cls.kubectl("wait", "--for=condition=Established", "--timeout=180s", "crd", "--all")
        for namespace in "kargo", "kargo-system-resources", "team-a", "1234":
            cls.kubectl("create", "namespace", namespace)
        # The controllers of a whole cluster would create it.
        cls.kubectl("create", "serviceaccount", "default", "--namespace", "kargo")
        cls.kubectl("label", "namespace", "kargo", "pod-security.kubernetes.io/enforce=restricted",
                    "pod-security.kubernetes.io/warn=restricted")

    @classmethod
    def kubectl(cls, *arguments, text=None):
        """Returns standard output. Text on standard error, such as a warning, fails the test."""
        command = [cls.cluster.binaries / "kubectl", "--kubeconfig", cls.kubeconfig, *arguments]
        done = subprocess.run(command, input=text, text=True, capture_output=True)
        if done.returncode or done.stderr:
            raise AssertionError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    @classmethod
    def helm(cls, command, values, *arguments):
        """Runs helm with several maps or texts of values; later ones take precedence."""
        arguments = [cls.helm_binary, command, *arguments, "--namespace", "kargo"]
        for index, part in enumerate(values):
            file = pathlib.Path(cls.folder.name, f"values-{index}.yaml")
            file.write_text(part if isinstance(part, str) else json.dumps(part))
            arguments += ["--values", file]
        return subprocess.run(arguments, text=True, capture_output=True,
                              env={**os.environ, "KUBECONFIG": str(cls.kubeconfig)})

    def rendered(self, *values, release="release"):
        done = self.helm("template", values, release, str(CHART), "--no-hooks")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def objects(self, values):
        """Rendered objects as the API server would store them, by (kind, name)."""
        listed = json.loads(self.dry_run(self.rendered(values), "--output", "json"))
        return {(item["kind"], item["metadata"]["name"]): item for item in listed["items"]}

    def dry_run(self, text, *arguments):
        return self.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", "-", *arguments, text=text)

    def pod(self, values):
        return self.objects(merged(BASE, values))["Deployment", "release-bitbucket-receiver"]["spec"]["template"]["spec"]

    @contextlib.contextmanager
    def account(self, name):
        """A ServiceAccount that exists within the block, as Kargo's chart creates its own."""
        self.kubectl("create", "serviceaccount", name, "--namespace", "kargo")
        try:
            yield
        finally:
            self.kubectl("delete", "serviceaccount", name, "--namespace", "kargo")

    def assert_refused(self, values, reason):
        done = self.helm("template", [values], "release", str(CHART))
        self.assertNotEqual(done.returncode, 0, f"{values} was rendered")
        self.assertIn(reason, done.stderr)

    def test_lint(self):
        done = self.helm("lint", [BASE], "--strict", str(CHART))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def assert_no_drift(self, text):
        """Applies the objects as Argo CD and Flux do, and reads them back."""
        sent = list(documents(self.kubectl("create", "--dry-run=client", "--output=json", "--filename=-", text=text)))
        self.kubectl("apply", "--server-side", "--field-manager=chart-test", "--validate=strict", "--filename=-", text=text)
        stored = json.loads(self.kubectl("get", "--output=json", "--filename=-", text=text))["items"]
        # The CRDs are never deleted: one that is being deleted would make the next rendering fail.
        passing = [thing for thing in sent if thing["kind"] != "CustomResourceDefinition"]
        self.kubectl("delete", "--wait=false", "--grace-period=1", "--filename=-",
                     text=json.dumps({"apiVersion": "v1", "kind": "List", "items": passing}))
        differences = [f"{before['kind']}{difference}" for before, after in zip(sent, stored, strict=True)
                       for difference in drift(before, after)]
        self.assertEqual("\n".join(differences), "")

    def test_every_pair_of_choices_is_stored_as_it_is_sent(self):
        combinations = list(pairwise(CHOICES))
        for combination in combinations:
            with self.subTest(combination):
                values = merged(BASE, *(CHOICES[name][way] for name, way in combination.items()))
                self.assert_no_drift(self.rendered(values))
        print(f"{len(combinations)} renderings hold every pair of {len(CHOICES)} choices", flush=True)

    def test_documented_values_are_stored_as_they_are_sent(self):
        recipes = list(blocks("docs/clouds.md"))
        self.assertGreater(len(recipes), 8)
        for title, text in recipes:
            with self.subTest(title):
                self.assert_no_drift(self.rendered(BASE, text))

    def test_the_readmes_receiver_registers_its_webhooks(self):
        (_, secret), (_, values) = blocks("config/chart/README.md")
        self.assert_no_drift(self.rendered(BASE, values))
        # Of a kind that kubectl knows; what matters is the Secret that comes of it.
        known = secret.replace("external-secrets.io/v1", "v1").replace("ExternalSecret", "ConfigMap")
        spec = json.loads(self.kubectl("create", "--dry-run=client", "--validate=false", "--output=json", "--filename=-",
                                       text=known))["spec"]
        template = spec["target"]["template"]
        self.assertEqual(template["metadata"]["labels"], {"kargo.akuity.io/cred-type": "generic"})
        self.assertLessEqual(set(template["data"]), {"secret", "bitbucket.token", "bitbucket.url", "bitbucket.register",
                                                     "bitbucket.allow"})
        self.assertEqual(template["data"]["bitbucket.register"], "true")
        self.assertEqual(set(re.findall(r"{{ \.(\w+) }}", json.dumps(template["data"]))),
                         {entry["secretKey"] for entry in spec["data"]})

    def test_argo_cd_and_flux_take_what_is_documented(self):
        for title, text in blocks("docs/gitops.md"):
            with self.subTest(title):
                if title == "Argo CD":
                    self.kubectl("create", "namespace", "argocd")
                    application = json.loads(self.kubectl("create", "--dry-run=server", "--validate=strict", "--output=json",
                                                          "--filename=-", text=text))["spec"]
                    source = application["source"]
                    self.assertEqual(application["destination"]["namespace"], "kargo")
                    self.assertEqual(ROOT / source["path"], CHART)
                    values = source["helm"]["valuesObject"]
                else:
                    values = schemas.values_for_flux(text)
                if values:
                    self.assert_no_drift(self.rendered(values, release="bitbucket-receiver"))

    def test_the_readmes_install_beside_a_default_kargo(self):
        # Up to where pods are made: `make e2e` goes on from there. README.md installs the package of a release, and
        # docs/install.md that of a registry.
        self.enterContext(self.account(KARGO_ACCOUNT))
        for readme in CHART / "README.md", ROOT / "README.md", ROOT / "docs/install.md":
            command = re.search(r"^helm install (?:.*\\\n)*.*", readme.read_text(), re.M).group().replace("\\\n", "")
            words = [str(CHART) if re.fullmatch(r"bitbucket-receiver-[0-9.]+\.tgz|oci://.*/bitbucket-receiver", word) else word
                     for word in shlex.split(command)[1:]]
            done = subprocess.run([self.helm_binary, *words, "--dry-run=server"], cwd=ROOT, text=True,
                                  capture_output=True, env={**os.environ, "KUBECONFIG": str(self.kubeconfig)})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("kind: Deployment", done.stdout)
            self.assertNotIn("WARNING", done.stdout)

    def test_a_rendering_needs_no_cluster(self):
        with unittest.mock.patch.object(Chart, "kubeconfig", "/nowhere"):
            self.rendered(BASE)

    def test_nothing_is_rendered_that_the_operator_writes(self):
        for values in {}, {"leaseNamespace": "team-a"}:
            self.assertNotIn("kind: Lease", self.rendered(BASE, values))

    def test_texts_stay_texts(self):
        values = merged(BASE, {"projects": ["1234"], "labels": {"a": "1", "b": "true", "c": "1e3"}, "podLabels": {"d": "null"},
                               "service": {"type": "LoadBalancer", "loadBalancerClass": "1"}, "ingress": {"enabled": True, "className": "007"},
                               "serviceAccount": {"create": True, "name": "12"}, "tls": {"enabled": True, "secretName": "1e3"}})
        self.assert_no_drift(self.rendered(values, release="123"))

    def test_labels_are_merged_and_those_that_select_stay(self):
        wanted = {"app.kubernetes.io/name": "mine", "app.kubernetes.io/instance": "mine",
                  "app.kubernetes.io/part-of": "mine", "team": "a"}
        more = merged({key: value + "s" for key, value in wanted.items()}, {"release": "prometheus"})
        objects = self.objects(merged(BASE, {"labels": wanted, "podLabels": more,
                                             "serviceMonitor": {"enabled": True, "labels": more}}))
        selecting = {"app.kubernetes.io/name": "bitbucket-receiver", "app.kubernetes.io/instance": "release"}
        deployment = objects["Deployment", "release-bitbucket-receiver"]
        for expected, labels in [
            (wanted, deployment["metadata"]["labels"]),
            (more, deployment["spec"]["template"]["metadata"]["labels"]),
            (more, objects["ServiceMonitor", "release-bitbucket-receiver"]["metadata"]["labels"]),
        ]:
            self.assertLessEqual((expected | selecting).items(), labels.items())
            self.assertEqual(labels["app.kubernetes.io/managed-by"], "Helm")
        self.assertEqual(deployment["spec"]["selector"]["matchLabels"], selecting)

    def test_an_umbrella_chart_turns_it_on_and_off(self):
        with tempfile.TemporaryDirectory() as folder:
            umbrella = pathlib.Path(folder)
            shutil.copytree(CHART, umbrella / "charts/receiver")
            (umbrella / "Chart.yaml").write_text(json.dumps({
                "apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [
                    {"name": "bitbucket-receiver", "version": "*", "condition": "bitbucket-receiver.enabled"}]}))
            for enabled in True, False:
                values = {"global": {"imageRegistry": "mirror.example.com", "other": 1},
                          "bitbucket-receiver": merged(BASE, {"enabled": enabled})}
                done = self.helm("template", [values], "release", folder)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual("kind: Deployment" in done.stdout, enabled)
                self.assertEqual("mirror.example.com/registry.example.com/bitbucket-receiver:" in done.stdout, enabled)

    def test_alerts_lead_to_the_users_copy_of_the_runbooks(self):
        values = {"prometheusRule": {"enabled": True, "runbooks": "https://wiki.example.com/runbooks"}}
        (group,) = self.objects(merged(BASE, values))["PrometheusRule", "release-bitbucket-receiver"]["spec"]["groups"]
        self.assertGreater(len(group["rules"]), 10)
        for rule in group["rules"]:
            self.assertEqual(rule["annotations"]["runbook_url"],
                             f"https://wiki.example.com/runbooks#{rule['alert'].lower()}")

    def test_the_image_is_named_in_every_way(self):
        digest = "sha256:" + 64 * "0"
        for values, image in [
            ({"image": {"repository": "a/b", "tag": "1"}}, "a/b:1"),
            ({"image": {"repository": "a/b", "tag": "1", "digest": digest}}, f"a/b@{digest}"),
            ({"image": {"repository": "a/b", "tag": "1"}, "global": {"imageRegistry": "c.example:5000"}}, "c.example:5000/a/b:1"),
        ]:
            text = self.rendered(BASE, values)
            self.assertEqual(re.findall(r'image: "(.*)"', text), [image])

    def test_pods_keep_to_the_nodes_of_the_only_architecture(self):
        def affinity(values):
            return self.pod(values).get("affinity", {})

        self.assertEqual(affinity({}), {})
        self.assertEqual(affinity({"image": {"architectures": ["amd64", "arm64"]}}), {})
        (term,) = affinity({"image": {"architectures": ["arm64"]}, "affinity": {"podAffinity": {}}})[
            "nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        self.assertEqual(term["matchExpressions"], [{"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}])
        mine = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}
        self.assertEqual(affinity({"image": {"architectures": ["arm64"]}, "affinity": mine}), mine)

    def test_no_user_is_chosen_and_any_may_read_the_files(self):
        pod = self.pod({"tls": {"enabled": True}})
        self.assertEqual(pod["securityContext"], {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}})
        self.assertFalse({"runAsUser", "runAsGroup"} & pod["containers"][0]["securityContext"].keys())
        modes = {volume["name"]: (volume.get("secret") or volume["configMap"])["defaultMode"] for volume in pod["volumes"]}
        self.assertEqual(modes, {"settings": 0o444, "tls": 0o444})
        bare = self.rendered(BASE, {"podSecurityContext": None, "securityContext": None})
        self.assertNotIn("securityContext", bare)

    def test_the_resources_of_kargo_may_be_in_another_cluster(self):
        values = {"kubeconfigSecret": "kargo-plane", "leaseNamespace": "kargo-there"}
        kinds = {kind for kind, _ in self.objects(merged(BASE, values))}
        self.assertFalse({kind for kind in kinds if "Role" in kind}, "permissions where nobody uses them")
        pod = self.pod(values)
        self.assertFalse(pod["automountServiceAccountToken"])
        self.assertNotIn("serviceAccountName", pod)
        (container,) = pod["containers"]
        environment = {entry["name"]: entry.get("value") for entry in container["env"]}
        self.assertEqual(environment["POD_NAMESPACE"], "kargo-there")
        (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "kubeconfig"]
        self.assertEqual(environment["KUBECONFIG"], f"{mount['mountPath']}/kubeconfig.yaml")
        self.assertIn("kargo-plane", [volume.get("secret", {}).get("secretName") for volume in pod["volumes"]])

    def test_the_pod_of_helm_test_runs_where_the_operator_runs(self):
        values = merged(BASE, {
            "image": {"digest": "sha256:" + 64 * "0", "pullSecrets": [{"name": "registry"}]},
            "nodeSelector": {"a": "b"}, "tolerations": [{"key": "edge", "operator": "Exists"}], "tls": {"enabled": True},
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}]})
        done = self.helm("template", [values], "release", str(CHART), "--show-only", "templates/tests/check.yaml")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with self.account(KARGO_ACCOUNT):
            pod = json.loads(self.dry_run(done.stdout, "--output", "json"))
        hook = {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
                "helm.sh/hook-output-log-policy": "hook-succeeded,hook-failed"}
        self.assertLessEqual(hook.items(), pod["metadata"]["annotations"].items())
        self.assertFalse(pod["metadata"].get("labels"), "a Service would send it deliveries")
        operator = self.pod(values)
        for field in "imagePullSecrets", "nodeSelector", "securityContext", "serviceAccountName":
            self.assertEqual(pod["spec"][field], operator[field])
        (test,), (container,) = pod["spec"]["containers"], operator["containers"]
        for field in "image", "env", "securityContext":
            self.assertEqual(test[field], container[field])
        for theirs, ours in (pod["spec"]["tolerations"], operator["tolerations"]), (test["volumeMounts"], container["volumeMounts"]):
            self.assertEqual([item for item in theirs if item in ours], ours)
        self.assertIn("memory", test["resources"]["limits"])
        self.assertEqual(test["command"] + test["args"], [
            "/usr/bin/receiverctl", "check", "--via", "https://[$(RELEASE_BITBUCKET_RECEIVER_SERVICE_HOST)]:443"])

    def test_only_the_base_url_and_an_image_are_required(self):
        self.assert_refused({}, "baseURL")
        self.assert_refused({"baseURL": BASE["baseURL"]}, "image.repository is not set: no image is published yet")
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
            ({"bitbucket": {"hosts": ["git.example.com"]}, "settings": {"BITBUCKET_HOSTS": "a"}}, "BITBUCKET_HOSTS"),
            ({"bitbucket": {"hosts": ["https://git.example.com"]}}, "hosts"),
            ({"bitbucket": {"proxy": "http://user:password@proxy.example.com:3128"}}, "proxy"),
        ]:
            with self.subTest(values):
                self.assert_refused(merged(BASE, values), reason)

    def test_routes_claim_the_bitbucket_receivers_only(self):
        for url, path in [
            ("https://hooks.example.com", "/bitbucket/"),
            ("https://hooks.example.com/", "/bitbucket/"),
            ("https://hooks.example.com:8443/kargo//webhooks/", "/kargo/webhooks/bitbucket/"),
        ]:
            objects = self.objects(merged(BASE, {"baseURL": url, "ingress": {"enabled": True}}, GATEWAY))
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
        def more(values):
            return [rule for rule in rules(self.objects(merged(BASE, values)).values()) if rule not in rules(tested)]

        self.assertEqual(more(OWN_ACCOUNT), [("ClusterRole", "kargo.akuity.io", "stages", "", "promote")])
        registration = self.dry_run((ROOT / "config/rbac/registration/role.yaml").read_text(), "--output", "json")
        self.assertEqual(more({"bitbucket": {"registration": True}}), rules([json.loads(registration)]))

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
        self.assertEqual(budget({})["spec"]["unhealthyPodEvictionPolicy"], "AlwaysAllow")
        self.assertIsNone(budget({"replicas": 1}), "a drain would wait for ever")
        self.assertIsNone(budget({"podDisruptionBudget": {"enabled": False}}))

    def test_what_points_at_the_pods_finds_them(self):
        objects = self.objects(merged(BASE, {"networkPolicy": {"enabled": True}, "serviceMonitor": {"enabled": True}}))
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
        self.assertEqual([port["port"] for rule in policy["egress"] for port in rule["ports"]], [53, 53, 5353, 5353, 443, 6443])
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

    def test_bitbucket_may_be_asked_where_the_values_say_so(self):
        objects = self.objects(merged(BASE, {
            "bitbucket": {"hosts": ["git.example.com", "git.example.com:8443"], "proxy": "http://proxy.example.com:3128",
                          "noProxy": ["example.org"]},
            "networkPolicy": {"enabled": True, "bitbucketTo": [{"ipBlock": {"cidr": "10.0.0.2/32"}}], "bitbucketPorts": [3128]},
        }))
        (settings,) = (item["data"] for (kind, name), item in objects.items()
                       if kind == "ConfigMap" and "BITBUCKET_HOSTS" in json.dumps(item["data"]))
        self.assertIn("BITBUCKET_HOSTS: git.example.com,git.example.com:8443", "".join(settings.values()))
        self.assertIn("HTTPS_PROXY: http://proxy.example.com:3128", "".join(settings.values()))
        self.assertIn("NO_PROXY: example.org", "".join(settings.values()))
        policy = objects["NetworkPolicy", "release-bitbucket-receiver"]["spec"]
        self.assertEqual(policy["egress"][-1], {"ports": [{"port": 3128, "protocol": "TCP"}],
                                                "to": [{"ipBlock": {"cidr": "10.0.0.2/32"}}]})

    def test_an_account_that_exists_is_left_alone(self):
        self.assertNotIn("ServiceAccount", {kind for kind, _ in self.objects(BASE)})
        self.assertIn(("ServiceAccount", KARGO_ACCOUNT), self.objects(merged(BASE, {"serviceAccount": {"create": True}})))

    def test_the_package_is_whole(self):
        # Flux packages only plain files; helm warns about anything else.
        with tempfile.TemporaryDirectory() as folder:
            done = self.helm("package", [], str(CHART), "--destination", folder)
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
        def notes(values, cluster="client"):
            done = self.helm("install", [BASE, values], "release", str(CHART), f"--dry-run={cluster}")
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.split("NOTES:")[1]

        self.assertNotIn("WARNING", notes({}))
        (receiver,) = re.findall(r"kubectl apply --server-side --filename - <<< '([^']*)'", notes({}))
        self.assertEqual(json.loads(receiver)["spec"], {"webhookReceivers": [
            {"name": "bb-wh-receiver", "bitbucket": {"secretRef": {"name": "bb-wh-secret"}}}]})
        self.assertIn("read every Secret", notes({"secretAccess": "cluster"}))
        self.assertIn("promote to every Stage", notes(OWN_ACCOUNT))
        self.assertIn("not https", notes({"baseURL": "http://hooks.example.com"}))
        self.assertIn("may not read the Secrets", notes({"serviceAccount": {"name": "receiver"}}))
        self.assertIn("bitbucket.register=true", notes({"bitbucket": {"registration": True}}))
        self.assertIn("in another cluster", notes({"kubeconfigSecret": "kargo"}))
        self.assertNotIn("--reuse-values", notes({}))
        self.assertIn(f"there is no ServiceAccount {KARGO_ACCOUNT} in the namespace kargo", notes({}, "server"))
        self.assertNotIn("there is no ServiceAccount", notes({"serviceAccount": {"create": True}}, "server"))
        with self.account(KARGO_ACCOUNT):
            self.assertNotIn("WARNING", notes({}, "server"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
