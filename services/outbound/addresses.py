"""Addresses as users write them: what is allowed, and where a name leads at this moment."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import httpx
import structlog

from services.errors import AddressRefused

from .networks import Address, may_reach

log = structlog.get_logger(__name__)

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
        raise _refused(host, private, "not resolved") from error
    if not found or not all(may_reach(address, private) for address in found):
        raise _refused(host, private, "not allowed")
    return found


def _refused(host: str, private: bool, reason: str) -> AddressRefused:
    """The same words for every reason: users must not learn which names there are in the network of the service."""
    log.info("address.refused", host=host, reason=reason)
    advice = "Check its name, and use a host on the public internet." if not private else "Check its name."
    return AddressRefused(f"The host {host} has no address on a network that may be reached from here.", advice)


def check_address(url: str, private: bool, ask: Resolve = resolve) -> None:
    """What :func:`checked_url` and :func:`reachable` ask of ``url``; both ask again whenever it is used.

    Raises:
        AddressRefused: it may not be used.
    """
    parsed = checked_url(url, private)
    reachable(parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80), private, ask)
