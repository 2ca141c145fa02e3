#!/usr/bin/env bash
# Second part of `make network-test`: runs operator and API server in a network namespace where everything else, including name
# servers, is behind an interface that counts packets and never answers. Without a token in a receiver's Secret, nothing is sent
# there. Needs root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=test/cluster/lib.sh
source "$root/test/cluster/lib.sh"
tests=${BUILD:-$root/build/release}/integration

if [[ ${1:-} == inside ]]; then
  # IPv6's own packets would be counted, too.
  for file in /proc/sys/net/ipv6/conf/{all,default,lo}/disable_ipv6; do [[ ! -e $file ]] || echo 1 >"$file"; done
  ip link set lo up
  ip link add elsewhere type veth peer name nobody
  ip link set nobody up
  ip link set elsewhere up
  ip address add 192.0.2.1/24 dev elsewhere
  ip route add default via 192.0.2.2
  mount --bind "$2" /etc/resolv.conf
  unset HTTPS_PROXY https_proxy
  exec "$tests" '[network]'
fi

((EUID == 0)) || die "a network namespace needs root"
[[ -x $tests ]] || die "$tests does not exist; build it with 'make network-test'"
# Build the control plane first: the namespace has no network.
"$root/test/cluster/binaries.sh" >/dev/null
names=$(mktemp)
trap 'rm -f "$names"' EXIT
echo nameserver 192.0.2.53 >"$names"
unshare --net --mount --kill-child "$0" inside "$names" || die "see above"
say "network: without a token, only the API server is contacted"
