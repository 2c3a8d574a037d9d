"""Which IP addresses may be reached at a user's wish (OWASP: server-side request forgery)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

NEVER = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local: metadata of clouds
        "168.63.129.16/32",  # Azure's platform, a public address
        "100.100.100.200/32",  # Alibaba's metadata
        "192.0.0.0/24",  # IETF protocol assignments, Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, and IPv4-compatible; the loopback is let through below
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated (SIIT)
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo, ORCHID and other assignments
        "2002::/16",  # 6to4
        "fd00:c1::/32",  # Oracle's metadata
        "fd00:ec2::/32",  # Amazon's metadata
        "fd20:ce::/32",  # Google's metadata
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Refused everywhere: metadata services, multicast, and IPv6 addresses that stand for an IPv4 one."""

PRIVATE = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # CGNAT
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "3fff::/20",
        "fc00::/7",
    )
)
"""Refused unless the installation allows private networks."""

GLOBAL_UNICAST = ip_network("2000::/3")
"""All that IANA has given out of IPv6 for the internet; the rest is private or may become anything."""

LOOPBACK = ip_address("::1")


def may_reach(address: Address, private: bool) -> bool:
    """Whether ``address`` may be connected to; ``private``: whether private networks are allowed."""
    if address == LOOPBACK:
        return private
    if getattr(address, "scope_id", None) is not None or _within(address, NEVER):
        return False
    return private or (_is_public(address) and not _within(address, PRIVATE))


def _is_public(address: Address) -> bool:
    return address.is_global and (isinstance(address, IPv4Address) or _within(address, (GLOBAL_UNICAST,)))


def _within(address: Address, networks: tuple[object, ...]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]
