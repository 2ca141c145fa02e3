"""The choices of a user of the chart, and their options."""

import itertools

# Two values have no default.
BASE = {"baseURL": "https://hooks.example.com", "image": {"repository": "registry.example.com/bitbucket-receiver"}}
# For lists of volumes: the API server's default.
DEFAULT_MODE = 0o644

KARGO_ACCOUNT = "kargo-external-webhooks-server"
OWN_ACCOUNT = {"serviceAccount": {"create": True, "name": "receiver", "promote": True}, "projects": ["team-a", "1234"]}
GATEWAY = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway", "namespace": "team-a"}]}}
ISSUER = {"name": "letsencrypt", "kind": "ClusterIssuer"}

# The choices of a user, and their options.
CHOICES = {
    "base URL": [{}, {"baseURL": "http://hooks.example.com:8080/kargo/"}],
    "replicas": [{}, {"replicas": 1}, {"revisionHistoryLimit": 0}],
    "account": [
        {},
        {"serviceAccount": {"create": True, "annotations": {"eks.amazonaws.com/role-arn": "arn"}}},
        OWN_ACCOUNT,
        {"kubeconfigSecret": "kargo", "leaseNamespace": "kargo-plane"},
    ],
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
        {"service": {"type": "LoadBalancer", "loadBalancerClass": "example.com/lb", "externalTrafficPolicy": "Local",
                     "loadBalancerSourceRanges": ["104.192.136.0/21"], "annotations": {"a": "b"}}},
        {"service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4"]}},
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
                           "apiServerTo": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "apiServerPorts": [6443],
                           "bitbucketTo": [{"ipBlock": {"cidr": "10.0.0.2/32"}}], "bitbucketPorts": [443, 3128],
                           "deliveriesFrom": [{"ipBlock": {"cidr": "104.192.136.0/21"}}]}},
    ],
    "monitoring": [
        {},
        {"serviceMonitor": {"enabled": True}, "dashboard": {"enabled": True}},
        {"serviceMonitor": {"enabled": True, "namespace": "team-a", "scrapeTimeout": "5s", "labels": {"release": "prometheus"},
                            "relabelings": [{"action": "replace", "targetLabel": "cluster", "replacement": "one"}]}},
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
         "extraVolumes": [{"name": "ca", "configMap": {"name": "ca", "defaultMode": DEFAULT_MODE}}],
         "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
         "labels": {"team": "a"}, "annotations": {"owner": "b"}, "podLabels": {"c": "d"}, "podAnnotations": {"e": "f"}},
    ],
    "names": [{}, {"fullnameOverride": "hooks"}, {"nameOverride": "hooks"}],
    "image": [
        {},
        {"image": {"tag": "1.2", "pullPolicy": "Always", "pullSecrets": [{"name": "registry"}]},
         "global": {"imageRegistry": "mirror.example.com"}},
        {"image": {"digest": "sha256:" + 64 * "0", "architectures": ["arm64"]}},
    ],
    "security": [
        {},
        {"podSecurityContext": {"runAsUser": 1000680000, "runAsGroup": 0, "fsGroup": 1000680000}},
    ],
    "Bitbucket": [{}, {"bitbucket": {"hosts": ["git.example.com", "git.example.com:8443"], "proxy": "http://proxy.example.com:3128",
                                      "noProxy": ["example.org", "10.0.0.0/8"], "registration": True}}],
    "settings": [{}, {"settings": {"MAX_BODIES_BYTES": 33554432, "CATCH_UP": False, "ANSWER_DEADLINE": "5s"}}],
}


def pairwise(choices):
    """A small set of combinations that contains every pair of options of any two choices (greedy, not always the smallest)."""
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
