#!/usr/bin/env bash
# Sourced by the tests of a release.

# of_layers IMAGE ARGUMENT...: runs tar on each layer of an image that skopeo has copied into this folder.
of_layers() {
  local layer
  jq --raw-output '.layers[].digest' "$1/manifest.json" | cut -d: -f2 | while read -r layer; do
    tar --gzip --file "$1/$layer" "${@:2}"
  done
}
