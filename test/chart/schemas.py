"""The published CRDs of third parties: files of Go modules, pinned by version and checksum."""

import json
import pathlib
import subprocess

GO = pathlib.Path(__file__).resolve().parents[1] / "cluster/go.sh"
# (module, version, checksum as in a go.sum, files); versions that work with the oldest Go of go.sh.
MODULES = [
    ("sigs.k8s.io/gateway-api", "v1.4.1", "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
     ["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"]),
    ("github.com/argoproj/argo-cd/v3", "v3.1.8", "h1:NkLPiRI5qGkV+q1EN3O7/0Wb9O/MVl62vadKteZqMUw=",
     ["manifests/crds/application-crd.yaml"]),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
     ["example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
      "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"]),
    ("github.com/cert-manager/cert-manager", "v1.19.2", "h1:jSprN1h5pgNDSl7HClAmIzXuTxic/5FXJ32kbQHqjlM=",
     ["deploy/crds/cert-manager.io_certificates.yaml"]),
]


def download(module, version, checksum):
    """The module's folder. The Go command has verified its checksum."""
    go = subprocess.check_output([GO], text=True).strip()
    done = subprocess.run([go, "mod", "download", "-json", f"{module}@{version}"], text=True, capture_output=True)
    told = json.loads(done.stdout or "{}")
    if done.returncode or told.get("Sum") != checksum:
        raise AssertionError(f"{module}@{version} with checksum {checksum} cannot be had: {done.stdout}{done.stderr}")
    return pathlib.Path(told["Dir"])


def files():
    for module, version, checksum, names in MODULES:
        folder = download(module, version, checksum)
        yield from (folder / name for name in names)


def values_for_flux(text):
    """Reads a HelmRelease or a GitRepository strictly, as flux/main.go does; the values as JSON."""
    go = subprocess.check_output([GO], text=True).strip()
    done = subprocess.run([go, "run", "."], cwd=pathlib.Path(__file__).parent / "flux", input=text, text=True,
                          capture_output=True)
    if done.returncode:
        raise AssertionError(f"Flux would not take it: {done.stderr}: {text}")
    return json.loads(done.stdout.strip() or "{}")
