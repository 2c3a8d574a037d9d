"""Addresses as users write them: what is allowed, and where a name leads at this moment."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import httpx

from services.errors import AddressRefused

from .networks import Address, may_reach

PORTS = frozenset({443, 8443})

Resolve = Callable[[str, int], list[Address]]
"""Addresses of a host name, most preferred first."""


def resolve(host: str, port: int) -> list[Address]:
    """Ask the system's resolver once.

    Raises:
        OSError: the name has no address, or nobody answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(item[4][0]) for item in found))


def checked_url(url: str, private: bool) -> httpx.URL:
    """``url``, which names a web server by https and nothing else.

    Args:
        url: as a user wrote it.
        private: whether private networks are allowed: then plain http and any port are, too.

    Raises:
        AddressRefused: it does not.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused(f"This is not an address: {error}.") from None
    if parsed.scheme != "https" and not (private and parsed.scheme == "http"):
        raise AddressRefused("Only https addresses are allowed.", "Begin it with https://.")
    if parsed.userinfo:
        raise AddressRefused("An address must not hold a user name or a password.")
    if not parsed.host or "%" in parsed.host or "\\" in url or parsed.fragment:
        raise AddressRefused("This is not the address of a web server.", "Write https://host/path.")
    if not private and parsed.port is not None and parsed.port not in PORTS:
        raise AddressRefused(f"Port {parsed.port} is not allowed.", "Use port 443 or 8443.")
    return parsed


def reachable(host: str, port: int, private: bool, ask: Resolve = resolve) -> list[Address]:
    """Where ``host`` leads now, every address of it allowed.

    Raises:
        AddressRefused: one of its addresses may not be reached, or it has none.
    """
    try:
        found = ask(host, port)
    except (OSError, ValueError) as error:  # also a zone id, or a label that IDNA cannot encode
        raise AddressRefused(f"The host {host} cannot be resolved.", "Check its name.") from error
    if not found or not all(may_reach(address, private) for address in found):
        advice = "Use a host on the public internet." if not private else "Use another host."
        raise AddressRefused(f"The host {host} is on a network that may not be reached from here.", advice)
    return found


def check_address(url: str, private: bool, ask: Resolve = resolve) -> None:
    """What :func:`checked_url` and :func:`reachable` ask of ``url``; both ask again whenever it is used.

    Raises:
        AddressRefused: it may not be used.
    """
    parsed = checked_url(url, private)
    reachable(parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80), private, ask)
