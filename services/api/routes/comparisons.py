"""``/v1/comparisons``: what changed between two audits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse

from schemas.comparisons import Comparison, ComparisonCreate, ComparisonPage, ComparisonPictures, ComparisonResult
from schemas.scalars import Identifier
from services.comparisons import service
from services.projects.trail import record
from services.reports import TEMPLATE_VERSION, render_comparison
from services.storage.blobs import S3BlobStore

from .. import conditional, cursors
from ..access import Submitter, Viewer
from ..conditional import IfNoneMatch
from ..cursors import Cursor, Limit
from ..idempotency import RequiredKey, accepted
from ..ports import Ports
from ..problems import problems
from .paths import Id
from .results import HTML, NOT_MODIFIED, REPORT_POLICY

PATH = "/v1/comparisons"
router = APIRouter(prefix=PATH, tags=["comparisons"])
OneOf = Annotated[Identifier | None, Query()]


@router.post("", status_code=202, response_model=Comparison, responses=problems(400, 409, 413))
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
    """The report, rendered from the result with today's template."""
    with ports.tenant(principal) as session:
        digest, pictures = service.digests(session, comparison)
        etag = conditional.tag(digest, pictures or "", TEMPLATE_VERSION)
        if conditional.matches(known, etag):
            return conditional.not_modified(etag)
        record(session, principal, "comparisons.download", f"{comparison}/report")
    headers = {
        "ETag": etag,
        "Content-Security-Policy": REPORT_POLICY,
        "Content-Disposition": f'inline; filename="scotoma-{comparison}.html"',
    }
    return HTMLResponse(_render(ports.store_of(principal), digest, pictures), headers=headers)


def _render(store: S3BlobStore, digest: str, pictures: str | None) -> str:
    result = ComparisonResult.model_validate_json(store.get(digest))
    shown = None if pictures is None else ComparisonPictures.model_validate_json(store.get(pictures))
    return render_comparison(result, shown)
