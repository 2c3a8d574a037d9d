"""``/events``: what open pages listen to; for the session's cookie, beside the API's own streams for keys."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from services.audits import service
from services.comparisons import service as comparisons
from services.db.tables import AuditRow

from ...routes.paths import Id
from .. import listing
from ..errors import PageRoute
from ..live import changes
from ..visitor import Reader
from .audits import Text, wanted_of

router = APIRouter(prefix="/events", route_class=PageRoute)


@router.get("/audits")
async def audits(
    request: Request,
    _: Reader,
    state: Text = "",
    gate: Text = "",
    classifier: Text = "",
    dataset: Text = "",
    text: Text = "",
) -> StreamingResponse:
    """The first page of the list, as filtered."""
    wanted = wanted_of(state, gate, classifier, dataset, text)
    return await changes(request, lambda session: listing.mark(session, wanted))


@router.get("/audits/{audit}")
async def audit(request: Request, audit: Id, _: Reader) -> StreamingResponse:
    """One audit."""

    def mark(session: Session) -> str:
        service.get(session, audit)
        row = session.get_one(AuditRow, audit)
        return f"{row.state} {row.last_sequence} {row.cancel_requested} {row.gate}"

    return await changes(request, mark)


@router.get("/comparisons/{comparison}")
async def comparison(request: Request, comparison: Id, _: Reader) -> StreamingResponse:
    """One comparison."""

    def mark(session: Session) -> str:
        shown = comparisons.get(session, comparison)
        return f"{shown.state} {shown.progress}"

    return await changes(request, mark)
