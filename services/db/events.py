"""Audit events, numbered without gaps: the audit row's own lock orders the writers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from .tables import AuditEventRow, AuditRow


def append_event(session: Session, audit_id: str, kind: str, data: dict[str, Any]) -> int:
    """Add an event of type ``kind`` (``state`` or ``stage``) in the caller's transaction; return its sequence.

    The counter is a column of the audit: it rolls back together with the event, so no number is ever missing.
    """
    statement = (
        update(AuditRow)
        .where(AuditRow.id == audit_id)
        .values(last_sequence=AuditRow.last_sequence + 1)
        .returning(AuditRow.last_sequence)
        .execution_options(synchronize_session=False)
    )
    sequence = session.execute(statement).scalar_one()
    session.add(AuditEventRow(audit_id=audit_id, sequence=sequence, type=kind, data=data))
    session.flush()
    return sequence
