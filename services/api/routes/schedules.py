"""``/v1/schedules``: make, look, change, pause, and ask for audits at other times."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from schemas.schedules import (
    Backfill,
    Backfilled,
    Moment,
    Occurrence,
    OccurrencePage,
    Pause,
    Schedule,
    ScheduleCreate,
    SchedulePage,
    UpcomingList,
)
from services.db.paging import Position
from services.projects import trail
from services.schedules import asking, service

from .. import conditional, cursors
from ..access import Submitter, Viewer
from ..conditional import IfMatch
from ..cursors import Cursor, Limit
from ..idempotency import Created, RequiredKey, created, fingerprint, once
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/schedules"
router = APIRouter(prefix=PATH, tags=["schedules"])


@router.post("", status_code=201, response_model=Schedule, responses=problems(400, 409, 413))
def create_schedule(body: ScheduleCreate, ports: Ports, principal: Submitter, key: RequiredKey) -> JSONResponse:
    """Make a schedule. Look at its next times with `upcoming`: clock changes are in them."""
    return created(ports, principal, key, PATH, body, lambda session: service.create(session, body))


@router.get("", responses=problems())
def list_schedules(ports: Ports, principal: Viewer, cursor: Cursor = None, limit: Limit = 25) -> SchedulePage:
    """Schedules, newest first."""
    with ports.tenant(principal) as session:
        items, following = service.page(session, cursors.decode(cursor), limit)
    return SchedulePage(items=items, next=cursors.encode(following))


@router.get("/{schedule}", responses=problems(404))
def show_schedule(schedule: Id, response: Response, ports: Ports, principal: Viewer) -> Schedule:
    """One schedule. Its `ETag` changes with each edit, pause and resumption, not as time goes by."""
    with ports.tenant(principal) as session:
        found = service.get(session, schedule)
    response.headers["ETag"] = conditional.revision_tag(found.revision)
    return found


@router.put("/{schedule}", responses=problems(404, 409, 412, 413, 428))
def replace_schedule(
    schedule: Id, body: ScheduleCreate, response: Response, ports: Ports, principal: Submitter, asked: IfMatch = None
) -> Schedule:
    """Change a schedule as a whole, from now on. `If-Match` is required: nobody's change is lost."""
    revision = conditional.revision_asked(asked)
    with ports.tenant(principal) as session:
        changed = service.replace(session, schedule, body, revision)
        trail.record(session, principal, "schedules.change", schedule)
    response.headers["ETag"] = conditional.revision_tag(changed.revision)
    return changed


@router.delete("/{schedule}", status_code=204, responses=problems(404))
def delete_schedule(schedule: Id, ports: Ports, principal: Submitter) -> None:
    """End a schedule. Its audits stay, and those that run go on."""
    with ports.tenant(principal) as session:
        service.delete(session, schedule)
        trail.record(session, principal, "schedules.delete", schedule)


@router.post("/{schedule}:pause", responses=problems(404, 413))
def pause_schedule(schedule: Id, body: Pause, ports: Ports, principal: Submitter) -> Schedule:
    """Nothing is due until it is resumed; what waits is left out. Repeating is harmless."""
    with ports.tenant(principal) as session:
        trail.record(session, principal, "schedules.pause", schedule)
        return service.pause(session, schedule, body.reason)


@router.post("/{schedule}:resume", responses=problems(404, 409))
def resume_schedule(schedule: Id, ports: Ports, principal: Submitter) -> Schedule:
    """Due again from now on. `:backfill` makes up for the time between."""
    with ports.tenant(principal) as session:
        trail.record(session, principal, "schedules.resume", schedule)
        return service.resume(session, schedule)


@router.post("/{schedule}:trigger", status_code=201, response_model=Occurrence, responses=problems(400, 404, 409, 429))
def trigger_schedule(schedule: Id, ports: Ports, principal: Submitter, key: RequiredKey) -> JSONResponse:
    """Begin an audit now, whatever else runs, also while the schedule is paused."""

    def work() -> Created:
        begun = asking.trigger(session, schedule)
        trail.record(session, principal, "schedules.trigger", schedule)
        return Created(f"/v1/audits/{begun.audit}", begun.model_dump(mode="json"))

    mark = fingerprint(f"POST {PATH}/{schedule}:trigger", Pause())
    with ports.tenant(principal) as session:
        return once(session, principal, key, mark, ports.settings.idempotency_expiry_seconds, work).response()


@router.post("/{schedule}:backfill", status_code=202, responses=problems(404, 413))
def backfill_schedule(schedule: Id, body: Backfill, ports: Ports, principal: Submitter) -> Backfilled:
    """Audit for every time of a range that had no audit, one after the other or all at once. Repeating is harmless."""
    with ports.tenant(principal) as session:
        trail.record(session, principal, "schedules.backfill", schedule)
        return asking.backfill(session, schedule, body)


@router.get("/{schedule}/occurrences", responses=problems(404))
def list_occurrences(
    schedule: Id, ports: Ports, principal: Viewer, cursor: Cursor = None, limit: Limit = 25
) -> OccurrencePage:
    """What became of the times up to now, latest first."""
    position = cursors.decode(cursor)
    with ports.tenant(principal) as session:
        items, following = service.occurrences(session, schedule, position and position.created_at, limit)
    goes_on = None if following is None else Position(following, schedule)
    return OccurrencePage(items=items, next=cursors.encode(goes_on))


@router.get("/{schedule}/upcoming", responses=problems(404))
def list_upcoming(
    schedule: Id,
    ports: Ports,
    principal: Viewer,
    count: Annotated[int, Query(ge=1, le=100)] = 10,
    since: Annotated[Moment | None, Query(description="Times after this one; now when left out")] = None,
) -> UpcomingList:
    """The next times, in UTC and on the wall of the schedule's zone, whether it is paused or not."""
    with ports.tenant(principal) as session:
        found, times = service.upcoming(session, schedule, since)
    return UpcomingList(zone=found.zone, items=list(islice(times, count)))
