#!/usr/bin/env python3
"""Writes OCI archives of the same bytes for the same content, and prints their digests.

  layout.py image OUT TAG LAYOUT...   one index for the layouts of an image for several architectures
  layout.py chart OUT TAG CHART.tgz   a chart, as `helm push` would store it
"""

import hashlib
import io
import json
import pathlib
import re
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


class Layout:
    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(self, content: bytes, media_type: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def json(self, value: dict, media_type: str) -> dict:
        return self.blob(json.dumps(value, sort_keys=True).encode(), media_type)

    def write(self, out: pathlib.Path, tag: str, top: dict):
        top = {**top, "annotations": {"org.opencontainers.image.ref.name": tag}}
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}, sort_keys=True).encode()
        with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(self.files):
                member = tarfile.TarInfo(name)
                member.size = len(self.files[name])
                archive.addfile(member, io.BytesIO(self.files[name]))
        print(top["digest"])


def image(out: pathlib.Path, tag: str, folders: list[str]):
    layout = Layout()
    manifests = []
    for folder in map(pathlib.Path, folders):
        for blob in (folder / "blobs/sha256").iterdir():
            layout.files[f"blobs/sha256/{blob.name}"] = blob.read_bytes()
        (descriptor,) = json.loads((folder / "index.json").read_bytes())["manifests"]
        read = lambda digest: json.loads((folder / "blobs" / digest.replace(":", "/")).read_bytes())
        manifest = read(descriptor["digest"])
        config = read(manifest["config"]["digest"])
        manifests.append({**{key: descriptor[key] for key in ("mediaType", "digest", "size")},
                          "platform": {"architecture": config["architecture"], "os": config["os"]}})
        labels = config["config"]["Labels"]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": labels}
    layout.write(out, tag, layout.json(index, INDEX))


def chart(out: pathlib.Path, tag: str, package: str):
    with tarfile.open(package) as archive:
        about = archive.extractfile("bitbucket-receiver/Chart.yaml").read().decode()
    # Only fields of one line: registries and `helm show` need no others.
    fields = dict(re.findall(r'^(\w+): *"?([^"\n\[{]+)"?$', about, re.M))
    layout = Layout()
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": layout.json(fields, CHART_CONFIG),
                "layers": [layout.blob(pathlib.Path(package).read_bytes(), CHART)],
                "annotations": {"org.opencontainers.image.title": fields["name"],
                                "org.opencontainers.image.version": fields["version"],
                                "org.opencontainers.image.description": fields["description"]}}
    layout.write(out, tag, layout.json(manifest, MANIFEST))


if __name__ == "__main__":
    kind, out, tag, *sources = sys.argv[1:]
    image(pathlib.Path(out), tag, sources) if kind == "image" else chart(pathlib.Path(out), tag, *sources)
