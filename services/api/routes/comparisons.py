"""``/v1/comparisons``: what changed between two audits."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse

from schemas.comparisons import Comparison, ComparisonCreate, ComparisonPage, ComparisonResult
from schemas.manifests import Envelope
from schemas.scalars import Identifier
from services.comparisons import service
from services.manifests import service as manifests
from services.manifests.comparisons import comparison_draft
from services.projects.trail import record

from .. import conditional, cursors
from ..access import Submitter, Viewer
from ..conditional import IfNoneMatch
from ..cursors import Cursor, Limit
from ..idempotency import RequiredKey, accepted
from ..ports import Ports
from ..problems import problems
from ..sealed_pages import sealed_answer, sealed_digest
from .paths import Id
from .results import HTML, NOT_MODIFIED

PATH = "/v1/comparisons"
router = APIRouter(prefix=PATH, tags=["comparisons"])
OneOf = Annotated[Identifier | None, Query()]


@router.post("", status_code=202, response_model=Comparison, responses=problems(400, 409, 413, 429))
def create_comparison(body: ComparisonCreate, ports: Ports, principal: Submitter, key: RequiredKey) -> JSONResponse:
    """Queue a comparison of two audits that succeeded on the same references.

    The same key with the same body is the same comparison, however often it is sent.
    """
    return accepted(ports, principal, key, PATH, body, lambda session: service.create(session, body), retry_after=2)


@router.get("", responses=problems())
def list_comparisons(
    ports: Ports, principal: Viewer, audit: OneOf = None, cursor: Cursor = None, limit: Limit = 25
) -> ComparisonPage:
    """Comparisons, newest first; with `audit`, those that it is one side of."""
    with ports.tenant(principal) as session:
        items, following = service.page(session, cursors.decode(cursor), limit, audit)
    return ComparisonPage(items=items, next=cursors.encode(following))


@router.get("/{comparison}", response_model=Comparison, responses={**NOT_MODIFIED, **problems(404)})
def show_comparison(comparison: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """One comparison. Poll with `If-None-Match`."""
    with ports.tenant(principal) as session:
        body = service.get(session, comparison).model_dump_json()
    etag = conditional.tag(body)
    if conditional.matches(known, etag):
        return conditional.not_modified(etag)
    return Response(body, media_type="application/json", headers={"ETag": etag})


@router.get("/{comparison}/result", response_model=ComparisonResult, responses={**NOT_MODIFIED, **problems(404)})
def show_comparison_result(comparison: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """`comparison.json`, byte for byte as it was stored."""
    with ports.tenant(principal) as session:
        digest, _ = service.digests(session, comparison)
        etag = conditional.tag(digest)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "comparisons.download", f"{comparison}/result")
    data = ports.store_of(principal).get(digest)
    return Response(data, media_type="application/json", headers={"ETag": etag})


@router.get("/{comparison}/report", response_class=HTMLResponse, responses={**HTML, **NOT_MODIFIED, **problems(404)})
def show_comparison_report(comparison: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """The report, sealed with a signed manifest: rendered when it is first shown, and again for newer templates."""
    with ports.tenant(principal) as session:
        digests, row = service.digests(session, comparison), service.get(session, comparison)
    finished_at = row.finished_at or row.created_at
    drafted = partial(comparison_draft, ports.store_of(principal), principal.project, *digests, finished_at)
    digest = sealed_digest(ports, principal, comparison, drafted)
    return sealed_answer(ports, principal, comparison, digest, known, "comparisons.download")


@router.get("/{comparison}/manifest", response_model=Envelope, responses={**NOT_MODIFIED, **problems(404)})
def show_comparison_manifest(comparison: Id, ports: Ports, principal: Viewer, known: IfNoneMatch = None) -> Response:
    """The signed manifest as a DSSE envelope, made when the report was first shown."""
    with ports.tenant(principal) as session:
        service.digests(session, comparison)
        text = manifests.envelope(session, comparison).text()
        etag = conditional.tag(text)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "comparisons.download", f"{comparison}/manifest")
    return Response(text, media_type="application/json", headers={"ETag": etag})
