"""``/v1/api-keys``: administrators only."""

from __future__ import annotations

from fastapi import APIRouter, Response

from schemas.api_keys import ApiKeyCreate, ApiKeyCreated, ApiKeyList
from services.api_keys import service

from ..access import Admin
from ..ports import Ports
from ..problems import problems
from .paths import Id

router = APIRouter(prefix="/v1/api-keys", tags=["api-keys"])


@router.post("", status_code=201, responses=problems(409, 413))
def create_key(body: ApiKeyCreate, response: Response, ports: Ports, principal: Admin) -> ApiKeyCreated:
    """Make a key. Its secret is shown here and never again."""
    response.headers["Cache-Control"] = "no-store"
    with ports.tenant(principal) as session:
        return service.create(session, body)


@router.get("", responses=problems())
def list_keys(ports: Ports, principal: Admin) -> ApiKeyList:
    """Every key, newest first, without secrets."""
    with ports.tenant(principal) as session:
        return service.all_keys(session)


@router.delete("/{key}", status_code=204, responses=problems(404))
def revoke_key(key: Id, ports: Ports, principal: Admin) -> None:
    """Make a key useless from the next request on."""
    with ports.tenant(principal) as session:
        service.revoke(session, key)
