"""What became of the audits that a schedule began, and how many failed in a row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.policies import Outcome
from schemas.schedules import OccurrenceState, ScheduleCreate
from services.db.automation import OccurrenceRow, ScheduleRow
from services.db.tables import AuditRow

from . import repository
from .pausing import pause


def settle(session: Session, schedule: ScheduleRow, body: ScheduleCreate, now: datetime) -> int:
    """Write the ends of audits that ended, count failures, pause after too many; how many audits go on."""
    going_on = 0
    for occurrence, audit in repository.started(session, schedule.id):
        if audit is not None and not AuditState(audit.state).terminal:
            going_on += 1
            continue
        state, detail = outcome(audit, body.failed_gates_count)
        end(session, schedule, body, occurrence, state, detail, now)
    return going_on


def end(
    session: Session,
    schedule: ScheduleRow,
    body: ScheduleCreate,
    occurrence: OccurrenceRow,
    state: OccurrenceState,
    detail: str,
    now: datetime,
) -> None:
    """Write one end. Only successes and failures count: somebody's cancel says nothing about the schedule."""
    occurrence.state, occurrence.detail = state, detail
    if state is OccurrenceState.SUCCEEDED:
        schedule.failures = 0
    if state is OccurrenceState.FAILED:
        schedule.failures += 1
    session.flush()
    if state is OccurrenceState.FAILED and schedule.paused_at is None and schedule.deleted_at is None:
        _pause_after_too_many(session, schedule, body, detail, now)


def outcome(audit: AuditRow | None, failed_gates_count: bool) -> tuple[OccurrenceState, str]:
    """What an audit that ended means to its schedule, and why."""
    if audit is None:
        return OccurrenceState.CANCELLED, "its audit was removed"
    if audit.state == AuditState.FAILED:
        return OccurrenceState.FAILED, f"its audit failed: {(audit.problem or {}).get('detail', '')}"
    if audit.state == AuditState.CANCELLED:
        return OccurrenceState.CANCELLED, "its audit was cancelled"
    if failed_gates_count and audit.gate == Outcome.FAIL:
        return OccurrenceState.FAILED, "its policy failed"
    return OccurrenceState.SUCCEEDED, ""


def _pause_after_too_many(
    session: Session, schedule: ScheduleRow, body: ScheduleCreate, detail: str, now: datetime
) -> None:
    if 0 < body.pause_after <= schedule.failures:
        many = "1 failure" if schedule.failures == 1 else f"{schedule.failures} failures in a row"
        pause(session, schedule, now, f"{many}; the last: {detail}")
