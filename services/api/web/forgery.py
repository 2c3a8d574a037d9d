"""Requests that another site makes a browser send (CSRF): refused by where they come from and by a token.

Sources: Fetch Metadata (W3C), OWASP Cross-Site Request Forgery Prevention. The API itself takes no cookie.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request

from services.errors import Forbidden

from ..ports import PortSet

FIELD = "csrf"
"""Name of the hidden field of every form."""


def check_origin(request: Request) -> None:
    """Refuse what does not come from a page of this service.

    Raises:
        Forbidden: the browser names another origin, or nothing says where the request comes from.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin") or (origin is not None and not _is_ours(request, origin)):
        raise _refused("It came from another site.")
    if site is None and origin is None:
        raise _refused("It does not say where it came from.")


def check_token(sent: object, expected: str) -> None:
    """Refuse a form that was not made for this session.

    Raises:
        Forbidden: the token is missing or another one.
    """
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise _refused("Its token is not that of this session.")


def _is_ours(request: Request, origin: str) -> bool:
    ports: PortSet = request.app.state.ports
    public = urlsplit(ports.settings.public_url)
    told = urlsplit(origin)
    if public.netloc and (told.scheme, told.netloc) == (public.scheme, public.netloc):
        return True
    return bool(told.netloc) and told.netloc == request.headers.get("host")


def _refused(why: str) -> Forbidden:
    return Forbidden(f"This form was refused. {why}", "Open the page again and send the form from there.")
