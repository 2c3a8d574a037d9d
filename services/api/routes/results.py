"""What an audit leaves: ``result``, ``report``, ``manifest``, ``artifacts``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from sqlalchemy.orm import Session

from schemas.audits import ArtifactList
from schemas.manifests import Envelope, Product
from schemas.results import AuditResult
from services.api_keys.service import Principal
from services.audits import repository, service
from services.manifests import service as manifests
from services.manifests.audits import audit_draft
from services.projects.trail import record

from .. import conditional
from ..access import Viewer
from ..conditional import IfNoneMatch
from ..ports import Ports, PortSet
from ..problems import Responses, problems
from ..sealed_pages import sealed_answer, sealed_digest
from .paths import Id

router = APIRouter(prefix="/v1/audits", tags=["results"])

FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
NOT_MODIFIED: Responses = {304: {"description": "Not modified"}}
HTML: Responses = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "One self-contained page"}
}
BYTES: Responses = {200: {"content": {"application/octet-stream": {}}, "description": "The stored bytes"}}

Role = Annotated[str, Path(min_length=1, max_length=200)]
Original = Annotated[bool, Query(description="The very page that was stored when the audit ended")]
SEALED = {"report", "manifest"}
"""Artifacts that a manifest is about, not of."""


@router.get("/{audit}/result", response_model=AuditResult, responses={**NOT_MODIFIED, **problems(404, 410)})
def show_result(audit: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """`result.json`, byte for byte as it was stored."""
    with ports.tenant(principal) as session:
        digest = service.result_digest(session, audit)
        etag = conditional.tag(digest)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "audits.download", f"{audit}/result")
    return Response(ports.store_of(principal).get(digest), media_type="application/json", headers={"ETag": etag})


@router.get("/{audit}/report", response_class=HTMLResponse, responses={**HTML, **NOT_MODIFIED, **problems(404, 410)})
def show_report(
    audit: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None, original: Original = False
) -> Response:
    """The report, sealed with a signed manifest: the one stored when the audit ended, or where the template is newer by
    now, one rendered and signed anew.
    """
    with ports.tenant(principal) as session:
        drafted = _draft(session, ports, principal, audit)
        stored = manifests.original_digest(session, audit) if original else None
    digest = stored or sealed_digest(ports, principal, audit, drafted)
    return sealed_answer(ports, principal, audit, digest, known, "audits.download")


@router.get("/{audit}/manifest", response_model=Envelope, responses={**NOT_MODIFIED, **problems(404, 410)})
def show_manifest(audit: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """The signed manifest as a DSSE envelope, made when the audit ended."""
    with ports.tenant(principal) as session:
        service.result_digest(session, audit)
        text = manifests.envelope(session, audit).text()
        etag = conditional.tag(text)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "audits.download", f"{audit}/manifest")
    return Response(text, media_type="application/json", headers={"ETag": etag})


@router.get("/{audit}/artifacts", responses=problems(404, 410))
def list_artifacts(audit: Id, ports: Ports, principal: Viewer) -> ArtifactList:
    """Every stored output so far."""
    with ports.tenant(principal) as session:
        return service.artifacts(session, audit)


@router.get(
    "/{audit}/artifacts/{role:path}",
    response_class=StreamingResponse,
    responses={**BYTES, **NOT_MODIFIED, **problems(404, 410)},
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


def _draft(session: Session, ports: PortSet, principal: Principal, audit: str) -> Callable[[], manifests.Draft]:
    """How to draft the report, should that be needed.

    Raises:
        NotFound: no audit has this id, or it has not succeeded.
    """
    result, gate = service.result_digest(session, audit), service.get(session, audit).gate
    rows = [row for row in repository.artifacts(session, audit) if row.role not in SEALED]
    products = [Product(role=row.role, digest=row.digest, bytes=row.bytes) for row in rows]
    return partial(audit_draft, ports.store_of(principal), principal.project, result, products, gate)
