#!/usr/bin/env bash
# The control plane of the integration tests: the CRDs and the permissions of config/ applied, and beside the
# administrator's kubeconfig one of the operator's account, DIR/kubeconfig.operator.
#
#   cluster.sh start BASE [DIR]   ends with the caller at the latest; an empty AUDIT_POLICY: without the audit
#   cluster.sh stop BASE [DIR]    deletes DIR too
#   cluster.sh audit BASE         whether the permissions are what the operator has used with the control planes of all
#                                 BASE/*/CALLER; after all tests
#
# DIR is BASE/CALLER without it, CALLER being the caller's process id: where ctest is the caller, each run of ctest has
# control planes of its own, and the tests that it starts find theirs by the id of their parent.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"

(($# == 2 || $# == 3)) || die "usage: $0 start|stop BASE [DIR], or audit BASE"
base=$2
dir=${3:-$base/$PPID}

start() {
  local leftover kubectl token
  mkdir -p "$base"
  for leftover in "$base"/*/; do # of runs that were killed; their control planes end by themselves
    leftover=${leftover%/}
    [[ ! ${leftover##*/} =~ ^[0-9]+$ || -e /proc/${leftover##*/} ]] || rm -rf "$leftover"
  done

  AUDIT_POLICY=${AUDIT_POLICY-$here/audit_policy.yaml} CONTROL_PLANE_OWNER=${CONTROL_PLANE_OWNER:-$PPID} \
    "$root/test/cluster/control_plane.sh" start "$dir" >"$dir.env"
  mv "$dir.env" "$dir/env"
  kubectl=$(sed -n 's/^KUBECTL=//p' "$dir/env")
  export KUBECONFIG=$dir/kubeconfig.admin
  "$kubectl" create -f "$root/config/crd" >/dev/null
  "$kubectl" wait --for=condition=Established --timeout=180s -f "$root/config/crd" >/dev/null
  "$kubectl" create -f "$root/config/rbac" >/dev/null
  token=$("$kubectl" --namespace kargo create token kargo-external-webhooks-server --duration 24h)
  (
    umask 077
    "$kubectl" config view --raw --minify --flatten --output json |
      jq --arg token "$token" '.users = [{name: "operator", user: {token: $token}}]
        | .contexts[0].context.user = "operator"' >"$dir/kubeconfig.operator.new"
  )
  mv "$dir/kubeconfig.operator.new" "$dir/kubeconfig.operator"
}

case $1 in
  start) start ;;
  audit) "$here/least_privilege.py" "$base"/*/"$PPID" ;;
  stop)
    "$root/test/cluster/control_plane.sh" stop "$dir"
    rm -rf "$dir"
    ;;
  *) die "usage: $0 start|stop BASE [DIR], or audit BASE" ;;
esac
