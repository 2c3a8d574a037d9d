"""The one cookie: unreadable to script, sent to nobody else, gone after the session's time."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response

from ..ports import PortSet
from .sessions import HOURS

PLAIN = "scotoma"
SECURE = "__Host-scotoma"
"""Browsers take a name with this prefix from the host itself over https only: no neighbour can plant one."""


def is_secure(request: Request) -> bool:
    """Whether the browser came over https, as far as this process can tell."""
    ports: PortSet = request.app.state.ports
    return request.url.scheme == "https" or urlsplit(ports.settings.public_url).scheme == "https"


def value_of(request: Request) -> str | None:
    """What the browser brought, if anything."""
    return request.cookies.get(SECURE if is_secure(request) else PLAIN)


def give(request: Request, response: Response, value: str) -> None:
    """Send the cookie along with ``response``."""
    secure = is_secure(request)
    response.set_cookie(
        SECURE if secure else PLAIN,
        value,
        max_age=HOURS * 3600,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def take(request: Request, response: Response) -> None:
    """Ask the browser to forget it."""
    secure = is_secure(request)
    name = SECURE if secure else PLAIN
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")
