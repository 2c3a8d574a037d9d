"""``/comparisons``: what changed between two audits."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.comparisons import Comparison, ComparisonCreate, ComparisonResult
from services.comparisons import service
from services.db.automation import ComparisonRow
from services.db.tables import AuditRow
from services.errors import InvalidRequest
from services.reports.comparison_sentences import change_sentence
from services.reports.comparison_words import CHANGES, SHOWN

from ... import cursors
from ...cursors import Cursor
from ...ports import Ports
from ...routes import comparisons as api
from ...routes.paths import Id
from ...routes.results import FILE_POLICY
from ..created import path_of
from ..errors import PageRoute
from ..listing import PAGE
from ..pages import HEADERS, page
from ..visitor import Form, Reader, Submitter, field

router = APIRouter(prefix="/comparisons", route_class=PageRoute)


@router.get("")
def list_comparisons(request: Request, ports: Ports, visitor: Reader, cursor: Cursor = None) -> Response:
    """Comparisons, newest first."""
    with ports.tenant(visitor.principal) as session:
        items, following = service.page(session, cursors.decode(cursor), PAGE)
        names = _names(session, items)
    context = {"items": items, "names": names, "following": cursors.encode(following), "cursor": cursor}
    return page(request, "comparisons.html.j2", context)


@router.post("")
def create_comparison(ports: Ports, visitor: Submitter, form: Form) -> Response:
    """Compare two audits; a second click compares nothing again."""
    before, after = field(form, "before"), field(form, "after")
    if before is None or after is None:
        raise InvalidRequest("One of the two audits is missing.", "Choose an audit to compare with.")
    body = ComparisonCreate(before=before, after=after)
    made = api.create_comparison(body, ports, visitor.principal, field(form, "once") or uuid.uuid4().hex)
    return RedirectResponse(f"{path_of(made)}?done=compared", 303, headers=HEADERS)


@router.get("/{comparison}")
def show_comparison(request: Request, comparison: Id, ports: Ports, visitor: Reader) -> Response:
    """One comparison."""
    with ports.tenant(visitor.principal) as session:
        shown = service.get(session, comparison)
        names = _names(session, [shown])
        digest = session.get_one(ComparisonRow, comparison).result_digest
    context = {"comparison": shown, "names": names, "result": None, "sentences": [], "rest": {}}
    if digest is not None:
        result = ComparisonResult.model_validate_json(ports.store_of(visitor.principal).get(digest))
        context |= {"result": result, "sentences": _sentences(result), "rest": _rest(result)}
    return page(request, "comparison.html.j2", context)


@router.get("/{comparison}/report")
def show_report(comparison: Id, request: Request, ports: Ports, visitor: Reader) -> Response:
    """The report under its own policy: it runs nothing, and is nobody's page."""
    return api.show_comparison_report(comparison, ports, visitor.principal, request.headers.get("if-none-match"))


@router.get("/{comparison}/comparison.json")
def show_result(comparison: Id, request: Request, ports: Ports, visitor: Reader) -> Response:
    """The result, byte for byte."""
    known = request.headers.get("if-none-match")
    response = api.show_comparison_result(comparison, ports, visitor.principal, known)
    response.headers["Content-Security-Policy"] = FILE_POLICY
    return response


def _names(session: Session, items: list[Comparison]) -> dict[str, str]:
    ids = {audit for item in items for audit in (item.before, item.after)}
    return dict(session.execute(select(AuditRow.id, AuditRow.name).where(AuditRow.id.in_(ids))).all())


def _sentences(result: ComparisonResult) -> list[tuple[str, str]]:
    """Shown changes in the order of the report: the change, and the sentence about it."""
    return [
        (change.value, change_sentence(one))
        for change in CHANGES
        if change in SHOWN
        for one in result.changes
        if one.change is change and one.tap == "logits"
    ]


def _rest(result: ComparisonResult) -> dict[str, int]:
    """How many features have no shown change, by what is said of them."""
    about = [one.change for one in result.changes if one.tap == "logits" and one.change not in SHOWN]
    return {CHANGES[change].word: about.count(change) for change in CHANGES if change in about}
