"""One look at one schedule: settle what ended, write what fell due, start what may start.

All in one transaction that holds the schedule's row. A scheduler that dies before it commits has done nothing; one that
looks at the same moment finds the row locked, and later the occurrences written: each time is one row, and one audit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from schemas.schedules import OccurrenceKind, OccurrenceState, Overlap, ScheduleCreate, Turn
from services.db.automation import OccurrenceRow, ScheduleRow
from services.errors import InvalidSchedule, QuotaExceeded, ServiceError

from . import repository
from .decide import Decision, Waiting, caught_up, overlapping
from .pausing import pause
from .reading import body_of, shown
from .settling import end, settle
from .starting import make_room, start
from .times import after, between, with_jitter

MOMENT = timedelta(microseconds=1)


@dataclass
class Looked:
    """What a look found: seconds from the time of each regular occurrence to its audit, and how many were missed."""

    lags: list[float] = field(default_factory=list)
    missed: int = 0
    decided: int = 0


def look(session: Session, schedule: str, now: datetime) -> Looked:
    """Bring a schedule up to ``now``. Nothing happens while another transaction holds it."""
    looked, row = Looked(), repository.try_lock(session, schedule)
    if row is None:
        return looked
    running = settle(session, row, shown(row)[0], now)
    try:
        _bring_up(session, row, body_of(row), running, now, looked)
    except InvalidSchedule as error:  # written by another version, or a zone that is no more
        _put_aside(session, row, now, error.detail)
    return looked


def note_due(session: Session, row: ScheduleRow, body: ScheduleCreate, now: datetime) -> int:
    """Write every occurrence since the last look, and when the next one is; how many were missed.

    A clock that was set back finds nothing new until it has come again to where it was.

    Raises:
        InvalidSchedule: the zone or the expression means nothing to this version.
    """
    due = _due(row, body, now)
    decided = caught_up(due, now, body.catch_up, timedelta(seconds=body.catch_up_window))
    written = repository.add_occurrences(session, [_row(row, body, one) for one in decided])
    row.looked_at = max(row.looked_at, now)
    row.next_at = next_due(body, row.looked_at)
    session.flush()
    return sum(one.due_at in written and one.state is OccurrenceState.MISSED for one in decided)


def next_due(body: ScheduleCreate, instant: datetime) -> datetime | None:
    """The schedule's next time after ``instant``; ``None`` where none comes.

    Raises:
        InvalidSchedule: the zone or the expression means nothing to this version.
    """
    found = next(after(body.cron, body.zone, _not_before(body, instant)), None)
    return None if found is None or (body.ends_at is not None and found > body.ends_at) else found


def _bring_up(
    session: Session, row: ScheduleRow, body: ScheduleCreate, running: int, now: datetime, looked: Looked
) -> None:
    if row.deleted_at is None and row.paused_at is None:
        looked.missed = note_due(session, row, body, now)
    row.looked_at = max(row.looked_at, now)
    at_once = body.overlap is Overlap.ALLOW
    waiting = repository.waiting(session, row.id, now, at_once) if row.deleted_at is None else []
    by_time = {one.due_at: one for one in waiting}
    about = [Waiting(one.due_at, None if one.turn is None else Turn(one.turn)) for one in waiting]
    for decision in overlapping(about, running, body.overlap):
        _carry_out(session, row, body, by_time[decision.due_at], decision, now, looked)


def _carry_out(
    session: Session,
    row: ScheduleRow,
    body: ScheduleCreate,
    occurrence: OccurrenceRow,
    decision: Decision,
    now: datetime,
    looked: Looked,
) -> None:
    looked.decided += 1
    held_back = occurrence.starts_at > now
    if occurrence.state != OccurrenceState.WAITING or held_back:  # by a failure before it in this very look
        return
    if decision.state is not OccurrenceState.STARTED:
        occurrence.state, occurrence.detail = decision.state, decision.detail
        return
    if decision.cancels:
        make_room(session, row, occurrence)
    try:
        start(session, row, body, occurrence)
    except ServiceError as error:
        if isinstance(error, QuotaExceeded) and occurrence.turn is not None:
            repository.hold_back(session, row.id, now + timedelta(seconds=error.retry_after), error.detail)
            return
        end(session, row, body, occurrence, OccurrenceState.FAILED, error.detail, now)
        return
    if occurrence.kind == OccurrenceKind.CRON:
        looked.lags.append(max(0.0, (now - occurrence.starts_at).total_seconds()))


def _due(row: ScheduleRow, body: ScheduleCreate, now: datetime) -> list[datetime]:
    until = now if body.ends_at is None else min(now, body.ends_at)
    return between(body.cron, body.zone, _not_before(body, row.looked_at), until)


def _not_before(body: ScheduleCreate, instant: datetime) -> datetime:
    """``instant``, or where later just before the schedule begins, so that its first moment counts."""
    return instant if body.starts_at is None else max(instant, body.starts_at - MOMENT)


def _row(row: ScheduleRow, body: ScheduleCreate, decision: Decision) -> dict[str, object]:
    return {
        "schedule_id": row.id,
        "due_at": decision.due_at,
        "kind": OccurrenceKind.CRON,
        "state": decision.state,
        "turn": decision.turn,
        "starts_at": with_jitter(row.id, decision.due_at, body.jitter),
        "detail": decision.detail,
    }


def _put_aside(session: Session, row: ScheduleRow, now: datetime, why: str) -> None:
    """A schedule that cannot be read is paused and says so, rather than failing at every look."""
    row.looked_at = max(row.looked_at, now)
    if row.paused_at is None and row.deleted_at is None:
        pause(session, row, now, why)
    else:
        repository.skip_waiting(session, row.id, why)
