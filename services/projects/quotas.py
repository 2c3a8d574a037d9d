"""Limits of projects, checked in the transaction that uses more.

A project that has the limit in question takes a lock until the transaction ends, so that of two requests that are both
within it, but not together, the second sees what the first has used.
"""

from __future__ import annotations

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from services.db.scoping import CURRENT_PROJECT
from services.db.trust import ProjectRow
from services.errors import QuotaExceeded

from . import usage

SOON, LATER = 30, 3600
"""Seconds until another try may be worth it: an audit may end, a day may pass out of the window."""
MOST_INTAKES = 50
"""Files of one project that wait to be read, or are read now."""


def check_audit(session: Session) -> None:
    """Whether the transaction's project may begin another audit or comparison. Call before it is written.

    Raises:
        QuotaExceeded: too many are queued or running, its GPU time is used up, or its space is full.
    """
    row = _project(session)
    if (row.max_audits_in_flight, row.max_gpu_seconds, row.max_bytes) != (None, None, None):
        _lock(session, row.id)
    _check_in_flight(session, row)
    _check_gpu(session, row)
    _check_bytes(session, row, 0)


def check_bytes(session: Session, more: int) -> None:
    """Whether the transaction's project may keep ``more`` bytes. Call before they are promised.

    Raises:
        QuotaExceeded: they are more than its limit leaves.
    """
    row = _project(session)
    if row.max_bytes is not None:
        _lock(session, row.id)
        _check_bytes(session, row, more)


def check_intake(session: Session) -> None:
    """Whether the transaction's project may have another file read. Call before its job is written.

    Raises:
        QuotaExceeded: too many wait already.
    """
    project = _project(session).id
    _lock(session, project)
    found = usage.intakes_in_flight(session, project)
    if found >= MOST_INTAKES:
        detail = f"{found} of at most {MOST_INTAKES} files of this project wait to be read."
        raise QuotaExceeded(detail, "Wait until some have been read, then register the next.", SOON)


def bytes_left(session: Session) -> int | None:
    """How many bytes the transaction's project may still keep; ``None``: as many as there is room for."""
    row = _project(session)
    return None if row.max_bytes is None else max(0, row.max_bytes - usage.bytes_kept(session, row.id))


def _project(session: Session) -> ProjectRow:
    return session.scalars(select(ProjectRow).where(ProjectRow.id == literal_column(CURRENT_PROJECT))).one()


def _lock(session: Session, project: str) -> None:
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"quota {project}", 0))))


def _check_in_flight(session: Session, row: ProjectRow) -> None:
    if row.max_audits_in_flight is None:
        return
    found = usage.audits_in_flight(session, row.id)
    if found >= row.max_audits_in_flight:
        most = row.max_audits_in_flight
        detail = f"{found} of at most {most} audits and comparisons of this project are queued or running."
        raise QuotaExceeded(detail, "Wait until one ends, or cancel an audit.", retry_after=SOON)


def _check_gpu(session: Session, row: ProjectRow) -> None:
    if row.max_gpu_seconds is None:
        return
    found = usage.gpu_seconds(session, row.id)
    if found >= row.max_gpu_seconds:
        detail = f"This project used {found:.0f} of its {row.max_gpu_seconds} GPU seconds of 30 days."
        raise QuotaExceeded(detail, "Ask an operator for more, or wait for old audits to count no more.", LATER)


def _check_bytes(session: Session, row: ProjectRow, more: int) -> None:
    if row.max_bytes is None:
        return
    found = usage.bytes_kept(session, row.id)
    if found + more > row.max_bytes:
        detail = f"This project keeps {found} of at most {row.max_bytes} bytes; {more} more were asked for."
        raise QuotaExceeded(detail, "Abort uploads that are not needed, or ask an operator for more.", LATER)
