"""Occurrences that people ask for: one now, or those of a time gone by. Both work while the schedule is paused."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from schemas.schedules import (
    MOST_BACKFILLED,
    Backfill,
    Backfilled,
    Occurrence,
    OccurrenceKind,
    OccurrenceState,
    Turn,
)
from services.db.automation import OccurrenceRow, ScheduleRow
from services.errors import InvalidSchedule

from . import repository
from .reading import body_of
from .service import locked, occurrence
from .starting import start
from .times import between

MOMENT = timedelta(microseconds=1)


def trigger(session: Session, schedule: str) -> Occurrence:
    """Begin an audit now, whatever else runs.

    Raises:
        NotFound: no schedule has this id.
        ServiceError: what the schedule needs is not there, or the project may not begin another audit.
    """
    row, now = locked(session, schedule), repository.clock(session)
    asked = OccurrenceRow(
        schedule_id=row.id,
        due_at=now,
        starts_at=now,
        kind=OccurrenceKind.TRIGGER,
        state=OccurrenceState.WAITING,
        turn=Turn.ALLOW,
    )
    session.add(asked)
    session.flush()
    start(session, row, body_of(row), asked)
    return occurrence(asked)


def backfill(session: Session, schedule: str, asked: Backfill) -> Backfilled:
    """Let every time of a range have its audit: those whose audit never began, or was cancelled, wait now, in a queue
    or all at once.

    Raises:
        NotFound: no schedule has this id.
        InvalidSchedule: the range is empty, not over yet, or holds too many times.
    """
    row, now = locked(session, schedule), repository.clock(session)
    due = _times(row, asked, now)
    waiting = repository.ask_again(session, [_row(row, one, asked.overlap, now) for one in due])
    return Backfilled(schedule=row.id, waiting=waiting, already=len(due) - waiting)


def _times(row: ScheduleRow, asked: Backfill, now: datetime) -> list[datetime]:
    if asked.until > now:
        raise InvalidSchedule(
            "The range reaches into the future.", "Let it end now or before; the rest comes by itself."
        )
    body = body_of(row)
    due = between(body.cron, body.zone, asked.since - MOMENT, asked.until, MOST_BACKFILLED + 1)
    if not due:
        raise InvalidSchedule("The schedule has no time in this range.", "See its cron expression and its zone.")
    if len(due) > MOST_BACKFILLED:
        detail = f"The range holds more than {MOST_BACKFILLED} times of the schedule."
        raise InvalidSchedule(detail, "Backfill a shorter one first.")
    return due


def _row(row: ScheduleRow, due: datetime, turn: Turn, now: datetime) -> dict[str, object]:
    return {
        "schedule_id": row.id,
        "due_at": due,
        "kind": OccurrenceKind.BACKFILL,
        "state": OccurrenceState.WAITING,
        "turn": turn,
        "starts_at": now,
        "detail": "",
        "audit_id": None,
    }
