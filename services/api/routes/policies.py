"""``/v1/policies``: push, list, look. Documents never change."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from schemas.policies import Policy, PolicyPage, StoredPolicy
from schemas.scalars import Name
from services.policies import service

from .. import cursors
from ..access import Submitter, Viewer
from ..cursors import Cursor, Limit
from ..idempotency import RequiredKey, created
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/policies"
router = APIRouter(prefix=PATH, tags=["policies"])


@router.post("", status_code=201, response_model=StoredPolicy, responses=problems(400, 409, 413))
def create_policy(body: Policy, ports: Ports, principal: Submitter, key: RequiredKey) -> JSONResponse:
    """Store a policy as the next of its name. The document that is the newest already is not stored again."""
    return created(ports, principal, key, PATH, body, lambda session: service.create(session, body))


@router.get("", responses=problems())
def list_policies(
    ports: Ports,
    principal: Viewer,
    name: Annotated[Name | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> PolicyPage:
    """Policies, newest first; with `name` those of one name."""
    with ports.tenant(principal) as session:
        items, following = service.page(session, cursors.decode(cursor), limit, name)
    return PolicyPage(items=items, next=cursors.encode(following))


@router.get("/{policy}", responses=problems(404))
def show_policy(policy: Id, ports: Ports, principal: Viewer) -> StoredPolicy:
    """One policy."""
    with ports.tenant(principal) as session:
        return service.get(session, policy)
