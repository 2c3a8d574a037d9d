"""``/v1/api-keys``: administrators only, for their own project; operators for every one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from schemas.api_keys import ApiKeyCreate, ApiKeyCreated, ApiKeyList
from schemas.projects import ProjectName
from schemas.scalars import Identifier
from services.api_keys import service
from services.api_keys.service import Principal
from services.errors import Forbidden
from services.projects import service as projects
from services.projects.trail import record

from ..access import Admin
from ..ports import Ports
from ..problems import problems
from .paths import Id

router = APIRouter(prefix="/v1/api-keys", tags=["api-keys"])
Of = Annotated[Identifier | ProjectName | None, Query(description="Id or name of another project, for operators")]


@router.post("", status_code=201, responses=problems(404, 409, 413))
def create_key(body: ApiKeyCreate, response: Response, ports: Ports, principal: Admin) -> ApiKeyCreated:
    """Make a key. Its secret is shown here and never again."""
    response.headers["Cache-Control"] = "no-store"
    if not principal.may_give(body.scope):
        raise Forbidden(f"A key with the scope {principal.scope} makes none with the scope {body.scope}.")
    with ports.governed(principal) as session:
        made = service.create(session, body, _project(session, principal, body.project))
        _record(session, principal, "api-keys.create", made.id, made.project)
    return made


@router.get("", responses=problems(404))
def list_keys(ports: Ports, principal: Admin, project: Of = None) -> ApiKeyList:
    """Every key of the project, newest first, without secrets."""
    with ports.governed(principal) as session:
        return service.all_keys(session, _project(session, principal, project))


@router.delete("/{key}", status_code=204, responses=problems(404))
def revoke_key(key: Id, ports: Ports, principal: Admin) -> None:
    """Make a key useless from the next request on."""
    with ports.governed(principal) as session:
        _record(session, principal, "api-keys.revoke", key, service.revoke(session, key))


def _project(session: Session, principal: Principal, wanted: str | None) -> str:
    return principal.project if wanted is None else projects.find(session, wanted).id


def _record(session: Session, principal: Principal, action: str, key: str, project: str) -> None:
    """Both sides remember what an operator did to another project's keys."""
    for side in {principal.project, project}:
        record(session, principal, action, key, side)
