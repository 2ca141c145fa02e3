#!/usr/bin/env bash
# Prints the folder with the requested binaries. They are built from source once, and cached by everything that decides their
# content: the module's go.sum, the Go version, the linker flags.
#
#   binaries.sh [control-plane]   etcd, kube-apiserver, kubectl; those in the folder KUBEBUILDER_ASSETS if that is set. With
#                                 PREBUILT=1, as in `make run`, those that setup-envtest downloads if that takes less than 20
#                                 seconds, unless some have been built already
#   binaries.sh node              kubelet, kube-controller-manager, kube-scheduler, kube-proxy
#   binaries.sh helm              helm
#   binaries.sh actionlint        checks the workflows
#   binaries.sh syft, cosign      list the contents of a release, and sign it
#   binaries.sh setup-envtest     downloads prebuilt control planes
#   binaries.sh oldest, newest    a control plane of the oldest, or the newest, Kubernetes that the chart supports
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/cluster/lib.sh
source "$here/lib.sh"

kubernetes_version() { # MODULE
  awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/$1/go.mod"
}
helm_version=$(awk '$1 == "helm.sh/helm/v3" { print $2; exit }' "$here/tools/go.mod")
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
    module=tools minutes=2
    packages=(helm.sh/helm/v3/cmd/helm)
    ;;
  oldest | newest)
    module=$set_name minutes=6
    packages=("$commands"/{kubectl,kube-apiserver})
    ;;
  actionlint | syft | cosign | setup-envtest)
    module=$set_name minutes=5
    packages=("$(awk '$1 == "tool" { print $2 }' "$here/$module/go.mod")")
    ;;
  *) die "usage: $0 [control-plane|node|helm|actionlint|syft|cosign|setup-envtest|oldest|newest]" ;;
esac

if [[ $set_name == control-plane && -n ${KUBEBUILDER_ASSETS:-} ]]; then
  for binary in etcd kube-apiserver kubectl; do
    [[ -x $KUBEBUILDER_ASSETS/$binary ]] ||
      die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS contains no executable $binary; unset it to build the binaries"
  done
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

flags='-s -w'
case $set_name in
  control-plane | node | oldest | newest)
    version=$(kubernetes_version "$module")
    IFS=. read -r major minor _ <<<"${version#v}"
    base=k8s.io/component-base/version
    flags+=" -X $base.gitVersion=$version -X $base.gitMajor=$major -X $base.gitMinor=$minor"
    ;;
  helm) # `helm template` renders for this Kubernetes version
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
caches=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver
cache=$caches/$set_name-$key

# download: prints the folder of a prebuilt control plane of this minor version; fails if that takes too long. It asks for the
# list of prebuilt binaries first: building setup-envtest makes no sense where that cannot be reached.
download() {
  local setup index=https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml
  curl --silent --show-error --fail --head --max-time 5 "$index" >/dev/null 2>"$caches/prebuilt.log" || return 1
  setup=$("$here/binaries.sh" setup-envtest)/setup-envtest || return 1
  say "$set_name: downloading prebuilt binaries, for 20 seconds at most"
  timeout --kill-after=5 20 "$setup" use "$major.$minor.x" --bin-dir "$caches/prebuilt" --print path 2>"$caches/prebuilt.log"
}
if [[ $set_name == control-plane && ${PREBUILT:-} == 1 && ! -e $cache/complete ]]; then
  mkdir -p "$caches"
  if prebuilt=$(download) && [[ -x $prebuilt/kube-apiserver ]]; then
    echo "$prebuilt"
    exit 0
  fi
  say "$set_name: no prebuilt binaries ($(tail -n 1 "$caches/prebuilt.log" 2>/dev/null || true))"
fi

if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock --nonblock 9 || {
    say "$set_name: another run is building the binaries, waiting for it"
    flock 9
  }
fi
if [[ ! -e $cache/complete ]]; then
  say "$set_name: building the binaries, once; this takes about $minutes minutes"
  cd "$here/$module"
  with_progress "$set_name: fetching the sources" retry 3 "$go" mod download
  # All at once: while one is linked, on one core, the next is compiled.
  with_progress "$set_name: building ${packages[*]##*/}" \
    "$go" build -mod=readonly -trimpath -gcflags all=-dwarf=false -ldflags "$flags" -o "$cache/" "${packages[@]}" >&2
  [[ $set_name != control-plane ]] || mv "$cache/server" "$cache/etcd"
  if [[ $module == oldest || $module == newest ]]; then # all use the same etcd
    cp "$(env -u KUBEBUILDER_ASSETS -u PREBUILT "$here/binaries.sh")/etcd" "$cache/"
  fi
  touch "$cache/complete"
fi
echo "$cache"
