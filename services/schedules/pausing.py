"""Pausing: by a person, or after so many failures in a row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from services.db.automation import ScheduleRow
from services.deliveries.events import announce

from . import repository

LONGEST_REASON = 500


def pause(session: Session, schedule: ScheduleRow, now: datetime, because: str) -> None:
    """Nothing is due from now on, and whatever waits is left out. The schedule is locked."""
    schedule.paused_at, schedule.paused_because = now, because[:LONGEST_REASON]
    schedule.next_at = None
    schedule.revision += 1
    repository.skip_waiting(session, schedule.id, "the schedule was paused")
    session.flush()
    facts = {"schedule": schedule.id, "project": schedule.project_id, "name": schedule.name}
    announce(session, "schedule.paused", schedule.id, facts | {"because": schedule.paused_because})
