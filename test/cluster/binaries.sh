#!/usr/bin/env bash
# Prints the folder that holds etcd, kube-apiserver and kubectl. KUBEBUILDER_ASSETS names it when set; otherwise they
# are built from source once and cached by what decides their content: tools/go.sum, the Go version, the linker flags.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
  for binary in etcd kube-apiserver kubectl; do
    [[ -x $KUBEBUILDER_ASSETS/$binary ]] ||
      die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no executable $binary; unset it to build the binaries"
  done
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

go=$("$here/go.sh")
kubernetes_version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/tools/go.mod")
IFS=. read -r major minor _ <<<"${kubernetes_version#v}"
base=k8s.io/component-base/version
flags="-s -w -X $base.gitVersion=$kubernetes_version -X $base.gitMajor=$major -X $base.gitMinor=$minor"
key=$({
  cat "$here/tools/go.sum"
  "$go" version
  echo "$flags"
} | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver/control-plane-$key

if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock --nonblock 9 || {
    say "control plane: another run is building the binaries, waiting for it"
    flock 9
  }
fi
if [[ ! -e $cache/complete ]]; then
  say "control plane: no binaries of Kubernetes $kubernetes_version yet; building them takes about 6 minutes, once"
  cd "$here/tools"
  with_progress "control plane: fetching the sources" retry 3 "$go" mod download
  for tool in etcd=go.etcd.io/etcd/server/v3 kubectl=k8s.io/kubernetes/cmd/kubectl \
    kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver; do
    name=${tool%%=*}
    with_progress "control plane: building $name" \
      "$go" build -mod=readonly -trimpath -ldflags "$flags" -o "$cache/$name" "${tool#*=}" >&2
  done
  touch "$cache/complete"
fi
echo "$cache"
