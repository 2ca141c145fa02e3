#!/usr/bin/env bash
# run.sh [STORY [ARCHIVE...]]: runs a story with the chart, the image and further images on a real node; `make e2e` runs
# e2e_test.py. Everything that the node does to the machine (processes, mounts, networks, packet filters) is in namespaces of
# its own, and ends with them, even if this script is killed. Only the folder build/e2e and an empty cgroup stay.
#
#   DIST   folder of a release: its image and chart are used, from a registry, instead of build/ and config/
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

((EUID == 0)) || die "a node needs root: namespaces, mounts, cgroups"
story=${1:-e2e_test.py}
archives=("${@:2}")
if [[ -n ${DIST:-} ]]; then
  DIST=$(cd "$DIST" && pwd)
else
  archives+=("$root/build/image/bitbucket-receiver.tar")
fi
for archive in "${archives[@]}"; do [[ -e $archive ]] || die "$archive does not exist; is it built?"; done
assets=$("$root/test/cluster/binaries.sh")
node_binaries=$("$root/test/cluster/binaries.sh" node)
helm=$("$root/test/cluster/binaries.sh" helm)

cgroups=(/sys/fs/cgroup)
[[ -e /sys/fs/cgroup/cgroup.controllers ]] || cgroups=(/sys/fs/cgroup/*/)
remove_cgroups() { # NAME, with all below it; waits a while for processes in it to end
  local cgroup
  for cgroup in "${cgroups[@]}"; do
    for _ in {1..50}; do
      [[ -d $cgroup/$1 ]] || break
      find "$cgroup/$1" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.2
    done
  done
}

mkdir -p "$root/build/e2e"
for leftover in "$root"/build/e2e/*/; do # of runs that were killed
  name=$(basename "$leftover")
  if [[ $name != '*' && ! -e /proc/${name%%.*} ]]; then
    remove_cgroups "bitbucket-receiver-e2e-${name%%.*}"
    rm -rf "$leftover"
  fi
done

dir=$(mktemp -d "$root/build/e2e/$$.XXXX")
node=''
clean_up() {
  local status=$?
  trap '' INT TERM
  [[ -z $node ]] || kill -KILL "$node" 2>/dev/null || true
  remove_cgroups "bitbucket-receiver-e2e-$$"
  if ((status == 0)) || [[ -n ${CI:-} ]]; then rm -rf "$dir"; else say "output of the failed run: $dir"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM
for cgroup in "${cgroups[@]}"; do mkdir -p "$cgroup/bitbucket-receiver-e2e-$$"; done

# pack NAME ROOT: makes an image of the root file system in ROOT that runs /usr/bin/NAME.
pack() {
  local builder=(buildah --root "$dir/storage" --runroot "$dir/storage-run" --storage-driver vfs) container
  container=$("${builder[@]}" from scratch)
  "${builder[@]}" copy --quiet "$container" "$2" / >/dev/null
  "${builder[@]}" config --entrypoint "[\"/usr/bin/$1\"]" "$container"
  "${builder[@]}" commit --quiet "$container" "docker-archive:$dir/images/$1.tar:localhost/$1:1" >/dev/null
}

# Three more images: the pause container, a pod that sends deliveries, and a Bitbucket.
mkdir -p "$dir/images" "$dir/pause/usr/bin"
for archive in "${archives[@]}"; do cp "$archive" "$(mktemp "$dir/images/XXXX.tar")"; done
gcc -static -Os -o "$dir/pause/usr/bin/pause" "$here/pause.c"
pack pause "$dir/pause"
"$root/config/image/collect.sh" "$(command -v curl)" "$dir/curl"
pack curl "$dir/curl"
"$root/config/image/collect.sh" "$root/build/release/strict_bitbucket" "$dir/strict_bitbucket"
pack strict_bitbucket "$dir/strict_bitbucket"

# node.py is the first process in the namespace: when it ends, the kernel ends all others, and this script ends.
E2E_DIR=$dir KUBEBUILDER_ASSETS=$assets NODE_BINARIES=$node_binaries HELM=$helm/helm E2E_CGROUP=bitbucket-receiver-e2e-$$ \
  setpriv --pdeathsig KILL unshare --mount --net --pid --ipc --uts --fork --kill-child=KILL --mount-proc \
  "$here/node.py" "$dir" "$here/$story" &
node=$!
wait "$node"
node=''
