"""``/v1/audits``: submit, look, list, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from schemas.audits import Audit, AuditCreate, AuditPage, AuditState
from schemas.policies import Outcome
from schemas.scalars import Identifier
from services.audits import service
from services.audits.repository import Filter
from services.projects.trail import record

from .. import conditional, cursors
from ..access import Submitter, Viewer
from ..conditional import IfNoneMatch
from ..cursors import Cursor, Limit
from ..idempotency import RequiredKey, accepted
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/audits"
router = APIRouter(prefix=PATH, tags=["audits"])
OneOf = Annotated[Identifier | None, Query()]


@router.post("", status_code=202, response_model=Audit, responses=problems(400, 409, 413, 429))
def create_audit(body: AuditCreate, ports: Ports, principal: Submitter, key: RequiredKey) -> JSONResponse:
    """Queue an audit. The same key with the same body is the same audit, however often it is sent."""
    return accepted(ports, principal, key, PATH, body, lambda session: service.create(session, body), retry_after=2)


@router.get("", responses=problems())
def list_audits(
    ports: Ports,
    principal: Viewer,
    state: AuditState | None = None,
    classifier: OneOf = None,
    dataset: OneOf = None,
    gate: Outcome | None = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> AuditPage:
    """Audits, newest first."""
    with ports.tenant(principal) as session:
        wanted = Filter(state, classifier, dataset, gate)
        items, following = service.page(session, cursors.decode(cursor), limit, wanted)
    return AuditPage(items=items, next=cursors.encode(following))


@router.get("/{audit}", response_model=Audit, responses={304: {"description": "Not modified"}, **problems(404)})
def show_audit(audit: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """One audit. Poll with `If-None-Match` where server-sent events do not get through."""
    with ports.tenant(principal) as session:
        body = service.get(session, audit).model_dump_json()
    etag = conditional.tag(body)
    if conditional.matches(known, etag):
        return conditional.not_modified(etag)
    return Response(body, media_type="application/json", headers={"ETag": etag})


@router.post("/{audit}:cancel", status_code=202, responses=problems(404, 409))
def cancel_audit(audit: Id, ports: Ports, principal: Submitter) -> Audit:
    """Stop an audit. One that nobody works on is cancelled at once, a running one within seconds."""
    with ports.tenant(principal) as session:
        record(session, principal, "audits.cancel", audit)
        return service.cancel(session, audit)
