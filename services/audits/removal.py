"""What is left of an audit that retention removed: a line in the trail, so that readers are told and not puzzled."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.trust import TrailRow
from services.errors import Gone
from services.projects.trail import note

REMOVED = "audits.remove"
"""The deed in the trail; its subject is the audit's id."""
COLLECTOR = "retention"
"""Who does it."""


def mark_removed(session: Session, project: str, audit: str) -> None:
    """Write that the audit was removed, in the transaction that removes it."""
    note(session, project, COLLECTOR, REMOVED, audit)


def check_not_removed(session: Session, audit: str) -> None:
    """Tell an audit that was there from one that never was.

    Raises:
        Gone: retention removed it.
    """
    query = select(TrailRow.at).where(TrailRow.subject == audit, TrailRow.action == REMOVED).limit(1)
    removed_at = session.scalar(query)
    if removed_at is not None:
        detail = f"The audit {audit} was removed on {removed_at:%Y-%m-%d}, when its project's retention was over."
        raise Gone(detail, "A report that was downloaded before can still be verified: scotoma report verify.")
