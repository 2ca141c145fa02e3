# shellcheck shell=bash
# For the scripts of this folder: reads a docker-archive.

# files_of ARCHIVE FOLDER: extracts the root file system into the new folder.
files_of() {
  mkdir -p "$2"
  tar --extract --to-stdout --file "$1" manifest.json | jq --raw-output '.[].Layers[]' | while read -r layer; do
    tar --extract --to-stdout --file "$1" "$layer" | tar --extract --directory "$2"
  done
}

# config_of ARCHIVE QUERY: queries the image's configuration with jq.
config_of() {
  local config
  config=$(tar --extract --to-stdout --file "$1" manifest.json | jq --raw-output '.[0].Config')
  tar --extract --to-stdout --file "$1" "$config" | jq --raw-output ".config | $2"
}
