"""``/schedules``: next times, last outcomes; pause, resume, and an audit now."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import AwareDatetime
from sqlalchemy.orm import Session

from schemas.schedules import Occurrence, OccurrenceState, Pause, Schedule
from services.db.tables import ClassifierRow, DatasetRow
from services.schedules import service

from ... import cursors
from ...cursors import Cursor
from ...ports import Ports
from ...routes import schedules as api
from ...routes.paths import Id
from ..errors import PageRoute
from ..listing import PAGE, names_of
from ..pages import HEADERS, page
from ..visitor import Form, Reader, Submitter, field

LAST = 5
NEXT = 5

router = APIRouter(prefix="/schedules", route_class=PageRoute)


@router.get("")
def list_schedules(request: Request, ports: Ports, visitor: Reader, cursor: Cursor = None) -> Response:
    """Schedules, newest first."""
    with ports.tenant(visitor.principal) as session:
        items, following = service.page(session, cursors.decode(cursor), PAGE)
        last = {item.id: _last(session, item.id) for item in items}
    context = {"items": items, "last": last, "following": cursors.encode(following), "cursor": cursor}
    return page(request, "schedules.html.j2", context)


@router.get("/{schedule}")
def show_schedule(
    request: Request,
    schedule: Id,
    ports: Ports,
    visitor: Reader,
    before: Annotated[AwareDatetime | None, Query()] = None,
) -> Response:
    """One schedule and its occurrences."""
    with ports.tenant(visitor.principal) as session:
        shown, times = service.upcoming(session, schedule, None)
        items, following = service.occurrences(session, schedule, before, PAGE)
        names = _names(session, shown)
    upcoming = list(islice(times, NEXT))
    context = {"schedule": shown, "upcoming": upcoming, "items": items, "following": following, "before": before}
    return page(request, "schedule.html.j2", {**context, **names, "once": uuid.uuid4().hex})


@router.post("/{schedule}/pause")
def pause_schedule(schedule: Id, ports: Ports, visitor: Submitter) -> Response:
    """Nothing is due until it is resumed."""
    api.pause_schedule(schedule, Pause(), ports, visitor.principal)
    return _back(schedule, "paused")


@router.post("/{schedule}/resume")
def resume_schedule(schedule: Id, ports: Ports, visitor: Submitter) -> Response:
    """Due again from now on."""
    api.resume_schedule(schedule, ports, visitor.principal)
    return _back(schedule, "resumed")


@router.post("/{schedule}/trigger")
def trigger_schedule(schedule: Id, ports: Ports, visitor: Submitter, form: Form) -> Response:
    """Begin an audit now; a second click begins no second one."""
    api.trigger_schedule(schedule, ports, visitor.principal, field(form, "once") or uuid.uuid4().hex)
    return _back(schedule, "triggered")


def _back(schedule: str, done: str) -> Response:
    return RedirectResponse(f"/schedules/{schedule}?done={done}", 303, headers=HEADERS)


def _last(session: Session, schedule: str) -> list[Occurrence]:
    """The latest occurrences that are more than waiting."""
    items, _ = service.occurrences(session, schedule, None, 2 * LAST)
    return [item for item in items if item.state is not OccurrenceState.WAITING][:LAST]


def _names(session: Session, schedule: Schedule) -> dict[str, str]:
    """Names of what it audits; ids stand in for what is gone."""
    classifier, dataset = schedule.classifier or "", schedule.dataset
    return {
        "classifier": names_of(session, ClassifierRow, {classifier}).get(classifier, classifier),
        "dataset": names_of(session, DatasetRow, {dataset}).get(dataset, dataset),
    }
