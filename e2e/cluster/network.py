"""The cluster's own network: one namespace, tied to the machine by one pair of virtual links.

The namespace leaves the machine's network and iptables alone, and what happens in it reaches nobody: its addresses are
from 198.18.0.0/15, which is reserved for benchmarks, and nothing forwards for it.
"""

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import mounts, shell

# Seen only inside the namespace, so every cluster can have the same.
PODS = "198.19.0.0/17"
SERVICES = "198.19.128.0/20"
SERVICES_ALONE = "10.96.0.0/12"
"""Of an API server without a network, whose Services reach nobody: room for tens of thousands of them."""
API_SERVICE = "198.19.128.1"
DNS_SERVICE = "198.19.128.10"
LOCK = Path("/run/modelrollout-links.lock")
"""Held from choosing a link's addresses until the machine has them."""
_LINKS = ipaddress.ip_network("198.18.0.0/24")


@dataclass(frozen=True)
class Link:
    """The pair: `name` with `host` on the machine's side, `eth0` with `node` in the namespace."""

    name: str
    host: str
    node: str


def link_name(cluster: str) -> str:
    """A name for the machine's side, which Linux limits to 15 bytes: readable, and different for different clusters."""
    return f"{cluster[:8]}-{hashlib.sha256(cluster.encode()).hexdigest()[:4]}"


def free_link(cluster: str, addresses: str) -> Link:
    """The first pair of addresses of which `addresses`, the output of `ip -o -4 addr`, does not have the first."""
    taken = set(re.findall(r"inet ([0-9.]+)/", addresses))
    for subnet in _LINKS.subnets(new_prefix=30):
        host, node = (str(address) for address in subnet.hosts())
        if host not in taken:
            return Link(link_name(cluster), host, node)
    raise RuntimeError(f"all addresses of {_LINKS} are in use: take some clusters down")


def choose_link(cluster: str) -> Link:
    """A pair that is free on this machine now."""
    return free_link(cluster, shell.run(["ip", "-o", "-4", "addr"]))


def inside(namespace: Path) -> tuple[str, ...]:
    """What to put before a command so that it runs in the namespace.

    Not `ip netns exec`: it makes a mount namespace too, and pods would not see the volumes that kubelet mounts.
    """
    return ("nsenter", f"--net={namespace}")


def up(namespace: Path, link: Link) -> None:
    """Make the namespace and the link, or what is missing of them."""
    if not mounts.is_mounted(namespace):
        # The file lies in the state directory, not in /run/netns: that would leave a mount there for good.
        namespace.touch()
        shell.run(["unshare", f"--net={namespace}", "true"])
    within = inside(namespace)
    if not shell.succeeds([*within, "ip", "link", "show", "dev", "eth0"]):
        # Left from a namespace that is gone.
        shell.succeeds(["ip", "link", "del", link.name])
        shell.run(["ip", "link", "add", link.name, "type", "veth", "peer", "name", "eth0", "netns", namespace])
    shell.run(["ip", "addr", "replace", f"{link.host}/30", "dev", link.name])
    shell.run(["ip", "link", "set", link.name, "up"])
    shell.run([*within, "ip", "addr", "replace", f"{link.node}/30", "dev", "eth0"])
    shell.run([*within, "ip", "link", "set", "eth0", "up"])
    shell.run([*within, "ip", "link", "set", "lo", "up"])
    # kubelet and kube-proxy want a default route; nothing forwards at its other end.
    shell.run([*within, "ip", "route", "replace", "default", "via", link.host])
    shell.run([*within, "sysctl", "-qw", "net.ipv4.ip_forward=1"])


def down(link: Link) -> None:
    """Remove the link; the namespace goes with its mount in the state directory."""
    shell.succeeds(["ip", "link", "del", link.name])
