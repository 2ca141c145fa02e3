#!/usr/bin/env bash
# Builds the image of the current commit twice, as two people would: in different folders, from clean clones, with different
# umasks, time zones and languages. Both archives must have the same bytes.
#
#   CCACHE_DISABLE=1   also compiles everything twice; without it, the compiler cache is trusted
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

image_of() { # FOLDER LANGUAGE: the archive's sha256
  local log=$work/log
  {
    git clone --quiet --shared "$root" "$1" &&
      cd "$1" && export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true &&
      cmake --preset release -DBUILD_TESTING=OFF &&
      cmake --build build/release --target bitbucket-receiver --target receiverctl &&
      IMAGE=localhost/bitbucket-receiver:reproduced LC_ALL=$2 config/image/build.sh # the compiler's cache knows languages apart
  } >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "the image cannot be built in $1"
  }
  sha256sum build/image/bitbucket-receiver.tar | cut -d' ' -f1
}

first=$(umask 022 && TZ=UTC image_of "$work/one" C)
second=$(umask 077 && TZ=Asia/Kolkata image_of "$work/another/and deeper/folder" C.UTF-8)
commit=$(git -C "$root" rev-parse --short=12 HEAD)
[[ $first == "$second" ]] || die "commit $commit gives two images: sha256 $first and $second"
say "image: two builds of commit $commit are the same: sha256 $first"
