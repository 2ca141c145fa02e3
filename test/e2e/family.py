"""The addresses of the node and its pods: of IPv4, or, with FAMILY=ipv6, of IPv6 alone. On the loopback, where the control
plane talks to itself, there are both.
"""

import os

IPV6 = os.environ.get("FAMILY") == "ipv6"
NODE = "fd00:88::1" if IPV6 else "10.88.0.1"  # of the bridge: the node's, and the API server's
PODS = "fd00:88::/64" if IPV6 else "10.88.0.0/24"  # behind the bridge
ANYWHERE = "::/0" if IPV6 else "0.0.0.0/0"
DNS = "fd00:96::a" if IPV6 else "10.96.0.10"  # there is none; nothing here needs names
