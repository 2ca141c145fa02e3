#!/usr/bin/env bash
# `make upgrade-test`, by hand: builds image and chart of the previous release from git, and runs upgrade_test.py, which upgrades
# from that release to this one and back.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
previous=c93f618dd79ca46a02a1302bd31716a1343e8000 # 0.1.0
source=$root/build/upgrade/$previous

if [[ ! -e $source/build/image/bitbucket-receiver.tar ]]; then
  rm -rf "$source"
  git clone --quiet --shared "$root" "$source"
  git -C "$source" checkout --quiet "$previous"
  (
    cd "$source"
    export CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=true
    make install # it used other libraries
    cmake --preset release >/dev/null
    cmake --build build/release --target bitbucket-receiver --target receiverctl --parallel "${JOBS:-$(nproc)}"
    config/image/build.sh
  )
fi
exec env PREVIOUS_CHART="$source/config/chart" "$here/run.sh" upgrade_test.py "$source/build/image/bitbucket-receiver.tar"
