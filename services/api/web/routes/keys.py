"""``/keys``: administrators list, make and revoke the keys of their project."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from schemas.api_keys import ApiKey, ApiKeyCreate, ApiKeyCreated, Scope

from ...ports import Ports
from ...routes import api_keys as api
from ...routes.paths import Id
from ..errors import PageRoute
from ..pages import HEADERS, page
from ..sessions import Visitor
from ..visitor import Administrator, Form, field
from ..words import Word

router = APIRouter(prefix="/keys", route_class=PageRoute)


@router.get("")
def list_keys(request: Request, ports: Ports, visitor: Administrator) -> Response:
    """Every key, and the form for another."""
    return _page(request, ports, visitor)


@router.post("")
def create_key(request: Request, ports: Ports, visitor: Administrator, form: Form) -> Response:
    """Make a key. This page is the only one that ever shows its secret."""
    days = field(form, "days")
    values = {"name": field(form, "name"), "scope": field(form, "scope"), "expires_in_days": days}
    try:
        body = ApiKeyCreate.model_validate(values)
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors()}
        return _page(request, ports, visitor, wrong=wrong, values=values, status=422)
    return _page(request, ports, visitor, made=api.create_key(body, Response(), ports, visitor.principal))


@router.post("/{key}/revoke")
def revoke_key(key: Id, ports: Ports, visitor: Administrator) -> Response:
    """Make a key useless at once; the visitor's own too."""
    api.revoke_key(key, ports, visitor.principal)
    return RedirectResponse("/keys?done=revoked", 303, headers=HEADERS)


def _page(
    request: Request,
    ports: Ports,
    visitor: Visitor,
    *,
    made: ApiKeyCreated | None = None,
    wrong: set[str] | None = None,
    values: dict[str, str | None] | None = None,
    status: int = 200,
) -> Response:
    keys = api.list_keys(ports, visitor.principal).items
    context = {"keys": keys, "made": made, "wrong": wrong or set(), "values": values or {}}
    return page(request, "keys.html.j2", {**context, "scopes": list(Scope), "key_state": key_state}, status)


def key_state(key: ApiKey) -> Word:
    """Whether a key works."""
    if key.revoked_at is not None:
        return Word("revoked", "stopped", "calm")
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        return Word("ended", "stopped", "calm")
    return Word("works", "yes", "good")
