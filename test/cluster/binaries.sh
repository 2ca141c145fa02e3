#!/usr/bin/env bash
# Prints the folder that holds etcd, kube-apiserver and kubectl. KUBEBUILDER_ASSETS names it when set;
# otherwise they are built from source once and cached by the content of tools/go.sum and the Go version.
set -euo pipefail

if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
  for binary in etcd kube-apiserver kubectl; do
    [[ -x $KUBEBUILDER_ASSETS/$binary ]] || {
      echo "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no executable $binary; unset it to build the binaries" >&2
      exit 1
    }
  done
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

here=$(cd "$(dirname "$0")" && pwd)
go=$("$here/go.sh")
kubernetes_version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/tools/go.mod")
key=$(cat "$here/tools/go.sum" "$here/binaries.sh" <("$go" version) | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bitbucket-receiver/control-plane-$key

if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9 # two runs beside each other build once
fi
if [[ ! -e $cache/complete ]]; then
  IFS=. read -r major minor _ <<<"${kubernetes_version#v}"
  base=k8s.io/component-base/version
  flags="-s -w -X $base.gitVersion=$kubernetes_version -X $base.gitMajor=$major -X $base.gitMinor=$minor"
  cd "$here/tools"
  for tool in etcd=go.etcd.io/etcd/server/v3 kubectl=k8s.io/kubernetes/cmd/kubectl \
    kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver; do
    name=${tool%%=*}
    echo "control plane: building $name $kubernetes_version from source (about 6 minutes for all three, once)" >&2
    started=$SECONDS
    "$go" build -mod=readonly -trimpath -ldflags "$flags" -o "$cache/$name" "${tool#*=}" >&2
    echo "control plane: $name built in $((SECONDS - started)) s" >&2
  done
  touch "$cache/complete"
fi
echo "$cache"
