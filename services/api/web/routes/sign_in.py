"""``/sign-in`` and ``/sign-out``: an API key becomes a session of this browser."""

from __future__ import annotations

import re
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api_keys import service as api_keys
from services.api_keys.service import Principal
from services.db.engine import transaction
from services.errors import Unauthenticated
from services.projects.trail import record

from ...ports import Ports
from ...problems import request_id
from .. import cookies, forgery, sessions
from ..errors import PageRoute
from ..pages import HEADERS, page
from ..throttle import Throttle
from ..visitor import Form, SignedIn, field

LONGEST_KEY = 200
LOCAL = re.compile(r"^/(?![/\\])[^\s\\]*$")

router = APIRouter(route_class=PageRoute)


@router.get("/sign-in")
def ask(request: Request, ports: Ports, next: str = "/") -> Response:
    """The form."""
    return _form(request, ports, safe_target(next))


@router.post("/sign-in")
def sign_in(request: Request, ports: Ports, form: Form) -> Response:
    """Check the key, end the session that the browser may have had, and begin a fresh one."""
    throttle: Throttle = request.app.state.throttle
    address = request.client.host if request.client else "unknown"
    target = safe_target(field(form, "next") or "/")
    try:
        principal = _principal(ports, (field(form, "key") or "")[:LONGEST_KEY])
    except Unauthenticated as refused:
        # Only wrong keys wait: many people may come from one address, and some of them must not lock out the others.
        if wait := throttle.wait(address):
            error = f"Too many keys were refused. Wait {wait} seconds, then try again."
            return _form(request, ports, target, error, 429, {"Retry-After": str(wait)})
        throttle.failed(address)
        return _form(request, ports, target, f"{refused.detail} {refused.advice}", 401)
    return _begun(request, ports, principal, target)


@router.post("/sign-out")
def sign_out(request: Request, ports: Ports, form: Form, visitor: SignedIn) -> Response:
    """End the session, here and in the database."""
    forgery.check_token(form.get(forgery.FIELD), visitor.csrf)
    with transaction(ports.sessions) as session:
        sessions.end(session, cookies.value_of(request) or "")
        record(session, visitor.principal, "sessions.delete", visitor.principal.id)
    response = RedirectResponse("/sign-in?done=signed-out", 303, headers=HEADERS)
    cookies.take(request, response)
    return response


def safe_target(wanted: str) -> str:
    """``wanted`` if it is a page of this service, else the list of audits."""
    return wanted if LOCAL.match(wanted) and len(wanted) <= 500 else "/"


def _principal(ports: Ports, secret: str) -> Principal:
    with transaction(ports.sessions) as session:
        return api_keys.authenticate(session, secret)


def _begun(request: Request, ports: Ports, principal: Principal, target: str) -> Response:
    with transaction(ports.sessions) as session:
        if before := cookies.value_of(request):
            sessions.end(session, before)
        value = sessions.begin(session, principal)
        asked = replace(principal, request_id=request_id(request.scope))
        record(session, asked, "sessions.create", principal.id)
    response = RedirectResponse(target, 303, headers=HEADERS)
    cookies.give(request, response, value)
    return response


def _form(
    request: Request,
    ports: Ports,
    target: str,
    error: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    context = {"target": target, "error": error, "tokens": bool(ports.settings.oidc_issuer)}
    response = page(request, "sign_in.html.j2", context, status)
    response.headers.update(headers or {})
    return response
