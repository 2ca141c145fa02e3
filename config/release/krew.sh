#!/usr/bin/env bash
# krew.sh VERSION DIST: prints the krew manifest for the archives in DIST; the plugin is `kubectl bitbucket-receiver`.
# RELEASE_URL is the URL of the folder with the archives.
set -euo pipefail

version=$1 dist=$2 url=${RELEASE_URL:-https://bitbucket-receiver.example/releases/v$1}
cat <<MANIFEST
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: bitbucket-receiver
spec:
  version: v$version
  homepage: https://bitbucket-receiver.example
  shortDescription: Register and check Bitbucket's webhooks for Kargo
  description: |
    Registers webhooks in Bitbucket, checks an installation of the operator
    bitbucket-receiver, sends it signed deliveries and explains what they refresh.
  platforms:
MANIFEST
for archive in "$dist"/receiverctl_"${version}"_linux_*.tar.gz; do
  name=$(basename "$archive" .tar.gz)
  cat <<MANIFEST
    - selector:
        matchLabels: {os: linux, arch: ${name##*_}}
      uri: $url/$name.tar.gz
      sha256: $(sha256sum "$archive" | cut -d' ' -f1)
      files:
        - {from: "$name/*", to: .}
      bin: bin/receiverctl
MANIFEST
done
