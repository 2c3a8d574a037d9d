"""Beginning the audit of an occurrence, and stopping those that make room for it."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.orm import Session

from schemas.audits import Audit, AuditCreate, Origin
from schemas.schedules import OccurrenceState, ScheduleCreate
from services.audits import service as audits
from services.db.automation import OccurrenceRow, ScheduleRow
from services.errors import AlreadyFinished, InvalidRequest
from services.projects.trail import note

from . import repository
from .times import local

LONGEST_NAME = 200


def start(session: Session, schedule: ScheduleRow, body: ScheduleCreate, occurrence: OccurrenceRow) -> None:
    """Begin the audit of ``occurrence``; the schedule is locked.

    Raises:
        ServiceError: what the schedule needs is not there, or the project may not begin another audit. Nothing was
            written.
    """
    with session.begin_nested():
        audit = _begin(session, schedule, body, occurrence)
    occurrence.audit_id, occurrence.state, occurrence.detail = audit.id, OccurrenceState.STARTED, ""
    session.flush()


def audit_of(session: Session, schedule: ScheduleRow, body: ScheduleCreate) -> AuditCreate:
    """What an audit of the schedule would be, if it began now.

    Raises:
        InvalidRequest: no classifier of the schedule's name is ready.
    """
    classifier = body.classifier or repository.newest_ready(session, body.classifier_name or "")
    if classifier is None:
        detail = f"No classifier named {body.classifier_name!r} is ready."
        raise InvalidRequest(detail, "Push one under this name.")
    baseline = body.baseline
    if baseline == "previous":
        baseline = repository.audit_before(session, schedule.id, body.dataset)
    return AuditCreate(
        classifier=classifier, dataset=body.dataset, config=body.config, policy=body.policy, baseline=baseline
    )


def make_room(session: Session, schedule: ScheduleRow, occurrence: OccurrenceRow) -> None:
    """Stop the audits of earlier regular times that still run; what somebody asked for, or is made up for, goes on.

    Asking twice is harmless.
    """
    for other, audit in repository.started(session, schedule.id):
        if audit is not None and other.turn is None and other.due_at < occurrence.due_at:
            with suppress(AlreadyFinished):  # it ended meanwhile
                asked = audit.cancel_requested
                audits.cancel(session, audit.id)
                if not asked:
                    note(session, schedule.project_id, schedule.id, "audits.cancel", audit.id)


def _begin(session: Session, schedule: ScheduleRow, body: ScheduleCreate, occurrence: OccurrenceRow) -> Audit:
    reading = f"{local(body.zone, occurrence.due_at):%Y-%m-%d %H:%M %Z}"
    name = f"{body.name[: LONGEST_NAME - len(reading) - 2].strip()}, {reading}"
    wanted = audit_of(session, schedule, body).model_copy(update={"name": name})
    audit = audits.create(session, wanted, Origin(schedule=schedule.id, due_at=occurrence.due_at))
    note(session, schedule.project_id, schedule.id, "audits.create", audit.id)
    return audit
