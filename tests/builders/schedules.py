"""Schedules in a real database, looked at by a clock of the test's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from schemas.projects import DEFAULT_PROJECT
from schemas.schedules import ScheduleCreate
from services.db.automation import OccurrenceRow, ScheduleRow
from services.db.engine import SessionFactory, scoped
from services.db.tables import AuditRow, JobRow
from services.schedules import service
from services.schedules.look import Looked, look, next_due

from .rows import add_classifier, add_dataset


class Scheduled:
    """One schedule of the default project, looked at last at ``since``."""

    def __init__(self, factory: SessionFactory, since: datetime, **body: Any) -> None:
        self.factory = factory
        with scoped(factory, DEFAULT_PROJECT) as session:
            named = {"dataset": add_dataset(session)}
            if "classifier_name" not in body:
                named["classifier"] = add_classifier(session)
            asked = ScheduleCreate.model_validate({"name": "nightly", "cron": "0 * * * *", **named, **body})
            self.id = service.create(session, asked).id
            times = {"looked_at": since, "next_at": next_due(asked, since)}
            session.execute(update(ScheduleRow).where(ScheduleRow.id == self.id).values(**times))

    def look(self, now: datetime) -> Looked:
        """One look, as a scheduler whose clock says ``now``."""
        with scoped(self.factory, DEFAULT_PROJECT) as session:
            return look(session, self.id, now)

    @property
    def row(self) -> ScheduleRow:
        """The schedule as it is now."""
        with scoped(self.factory, DEFAULT_PROJECT) as session:
            return session.get_one(ScheduleRow, self.id)

    def occurrences(self) -> list[OccurrenceRow]:
        """Every occurrence, oldest first."""
        with scoped(self.factory, DEFAULT_PROJECT) as session:
            query = select(OccurrenceRow).where(OccurrenceRow.schedule_id == self.id)
            return list(session.scalars(query.order_by(OccurrenceRow.due_at)))

    def states(self) -> dict[datetime, str]:
        """What became of each time."""
        return {row.due_at: row.state for row in self.occurrences()}

    def audits(self) -> list[AuditRow]:
        """The audits that it began, oldest first."""
        with scoped(self.factory, DEFAULT_PROJECT) as session:
            query = select(AuditRow).where(AuditRow.origin["schedule"].astext == self.id)
            return list(session.scalars(query.order_by(AuditRow.created_at, AuditRow.id)))

    def end(self, state: str = "succeeded", **values: Any) -> None:
        """Every audit of it that goes on ends so."""
        ended = {"result_digest": "e" * 64 if state == "succeeded" else None, **values}
        with scoped(self.factory, DEFAULT_PROJECT) as session:
            mine = AuditRow.origin["schedule"].astext == self.id
            going_on = session.scalars(select(AuditRow).where(mine, AuditRow.finished_at.is_(None))).all()
            for audit in going_on:
                for name, value in {"state": state, **ended}.items():
                    setattr(audit, name, value)
                audit.finished_at = audit.created_at
            jobs = JobRow.subject_id.in_([audit.id for audit in going_on])
            session.execute(update(JobRow).where(jobs).values(state="done"))
