#!/usr/bin/env bash
# Prints the folder that holds the asked binaries. They are built from source once, and cached by what decides their
# content: the module's go.sum, the Go version, the linker flags.
#
#   binaries.sh [control-plane]   etcd, kube-apiserver, kubectl; those in the folder KUBEBUILDER_ASSETS when that is set
#   binaries.sh node              kubelet, kube-controller-manager, kube-scheduler, kube-proxy
#   binaries.sh helm              helm
#   binaries.sh actionlint, syft, cosign    what checks the workflows, and what says and signs what is in a release
#   binaries.sh oldest, newest    a control plane of the oldest, or the newest, Kubernetes that the chart supports
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

kubernetes_version() { # MODULE
  awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/$1/go.mod"
}
helm_version=$(awk '$1 == "helm.sh/helm/v3" { print $2; exit }' "$here/helm/go.mod")
commands=k8s.io/kubernetes/cmd

set_name=${1:-control-plane}
case $set_name in
  control-plane)
    module=tools minutes=6
    packages=(go.etcd.io/etcd/server/v3 "$commands"/{kubectl,kube-apiserver})
    ;;
  node)
    module=tools minutes=7
    packages=("$commands"/{kubelet,kube-controller-manager,kube-scheduler,kube-proxy})
    ;;
  helm)
    module=helm minutes=2
    packages=(helm.sh/helm/v3/cmd/helm)
    ;;
  oldest | newest)
    module=$set_name minutes=6
    packages=("$commands"/{kubectl,kube-apiserver})
    ;;
  actionlint | syft | cosign)
    module=$set_name minutes=5
    packages=("$(awk '$1 == "tool" { print $2 }' "$here/$module/go.mod")")
    ;;
  *) die "usage: $0 [control-plane|node|helm|actionlint|syft|cosign|oldest|newest]" ;;
esac

if [[ $set_name == control-plane && -n ${KUBEBUILDER_ASSETS:-} ]]; then
  for binary in etcd kube-apiserver kubectl; do
    [[ -x $KUBEBUILDER_ASSETS/$binary ]] ||
      die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no executable $binary; unset it to build the binaries"
  done
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

flags='-s -w'
case $module in
  tools | oldest | newest)
    version=$(kubernetes_version "$module")
    IFS=. read -r major minor _ <<<"${version#v}"
    base=k8s.io/component-base/version
    flags+=" -X $base.gitVersion=$version -X $base.gitMajor=$major -X $base.gitMinor=$minor"
    ;;
  helm) # the Kubernetes version is that for which `helm template` renders
    version=$(kubernetes_version tools)
    IFS=. read -r major minor _ <<<"${version#v}"
    base=helm.sh/helm/v3/pkg/chartutil
    flags+=" -X $base.k8sVersionMajor=$major -X $base.k8sVersionMinor=$minor"
    flags+=" -X helm.sh/helm/v3/internal/version.version=$helm_version"
    ;;
esac

go=$("$here/go.sh")
key=$({
  cat "$here/$module/go.sum"
  "$go" version
  echo "$flags"
} | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver/$set_name-$key

if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock --nonblock 9 || {
    say "$set_name: another run is building the binaries, waiting for it"
    flock 9
  }
fi
if [[ ! -e $cache/complete ]]; then
  say "$set_name: no binaries yet; building them takes about $minutes minutes, once"
  cd "$here/$module"
  with_progress "$set_name: fetching the sources" retry 3 "$go" mod download
  # In one go: while one is linked, which takes one core, the next is compiled.
  with_progress "$set_name: building ${packages[*]##*/}" \
    "$go" build -mod=readonly -trimpath -gcflags all=-dwarf=false -ldflags "$flags" -o "$cache/" "${packages[@]}" >&2
  [[ $set_name != control-plane ]] || mv "$cache/server" "$cache/etcd"
  if [[ $module == oldest || $module == newest ]]; then # of etcd there is one
    cp "$(env -u KUBEBUILDER_ASSETS "$here/binaries.sh")/etcd" "$cache/"
  fi
  touch "$cache/complete"
fi
echo "$cache"
