"""What an audit leaves: ``result``, ``report``, ``artifacts``."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from sqlalchemy.orm import Session

from schemas.audits import ArtifactList
from schemas.ports import BlobStore
from schemas.results import AuditResult, Sheets
from services.audits import service
from services.errors import NotFound
from services.projects.trail import record
from services.reports import TEMPLATE_VERSION, render_report

from .. import conditional
from ..access import Viewer
from ..conditional import IfNoneMatch
from ..ports import Ports
from ..problems import Responses, problems
from .paths import Id

router = APIRouter(prefix="/v1/audits", tags=["results"])

REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
NOT_MODIFIED: Responses = {304: {"description": "Not modified"}}
HTML: Responses = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "One self-contained page"}
}
BYTES: Responses = {200: {"content": {"application/octet-stream": {}}, "description": "The stored bytes"}}

Role = Annotated[str, Path(min_length=1, max_length=200)]


@router.get("/{audit}/result", response_model=AuditResult, responses={**NOT_MODIFIED, **problems(404)})
def show_result(audit: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """`result.json`, byte for byte as it was stored."""
    with ports.tenant(principal) as session:
        digest = service.result_digest(session, audit)
        etag = conditional.tag(digest)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "audits.download", f"{audit}/result")
    return Response(ports.store_of(principal).get(digest), media_type="application/json", headers={"ETag": etag})


@router.get("/{audit}/report", response_class=HTMLResponse, responses={**HTML, **NOT_MODIFIED, **problems(404)})
def show_report(audit: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """The report, rendered from the result with today's template."""
    with ports.tenant(principal) as session:
        digest = service.result_digest(session, audit)
        sheets = _sheets_digest(session, audit)
        etag = conditional.tag(digest, sheets or "", TEMPLATE_VERSION)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "audits.download", f"{audit}/report")
    headers = {
        "ETag": etag,
        "Content-Security-Policy": REPORT_POLICY,
        "Content-Disposition": f'inline; filename="scotoma-{audit}.html"',
    }
    return HTMLResponse(_render(ports.store_of(principal), digest, sheets), headers=headers)


@router.get("/{audit}/artifacts", responses=problems(404))
def list_artifacts(audit: Id, ports: Ports, principal: Viewer) -> ArtifactList:
    """Every stored output so far."""
    with ports.tenant(principal) as session:
        return service.artifacts(session, audit)


@router.get(
    "/{audit}/artifacts/{role:path}",
    response_class=StreamingResponse,
    responses={**BYTES, **NOT_MODIFIED, **problems(404)},
)
def show_artifact(audit: Id, role: Role, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """One stored output, by its role (`sheets`, `inn:logits`)."""
    with ports.tenant(principal) as session:
        row = service.artifact(session, audit, role)
        etag = conditional.tag(row.digest)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "audits.download", f"{audit}/artifacts/{role}")
    store = ports.store_of(principal)
    headers = {
        "ETag": etag,
        "Content-Length": str(store.size(row.digest)),
        "Content-Security-Policy": FILE_POLICY,
        "Content-Disposition": f'attachment; filename="{safe_filename(audit, role)}"',
    }
    return StreamingResponse(store.stream(row.digest), media_type=row.media_type, headers=headers)


def safe_filename(audit: str, role: str) -> str:
    """A name that means nothing to a shell, a browser or a file system."""
    return f"{audit}-{re.sub(r'[^A-Za-z0-9._-]+', '-', role).strip('.-') or 'artifact'}"


def _sheets_digest(session: Session, audit: str) -> str | None:
    try:
        return service.artifact(session, audit, "sheets").digest
    except NotFound:
        return None


def _render(store: BlobStore, digest: str, sheets: str | None) -> str:
    result = AuditResult.model_validate_json(store.get(digest))
    return render_report(result, None if sheets is None else Sheets.model_validate_json(store.get(sheets)))
