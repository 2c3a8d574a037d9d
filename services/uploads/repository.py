"""Queries on uploads."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.tables import UploadRow


def find(session: Session, upload: str) -> UploadRow | None:
    """One upload."""
    return session.get(UploadRow, upload)


def lock(session: Session, upload: str) -> UploadRow | None:
    """One upload, locked until the transaction ends: two completions cannot interleave."""
    return session.get(UploadRow, upload, with_for_update=True, populate_existing=True)


def expired(session: Session, row: UploadRow) -> bool:
    """Whether the upload's time is over, by the database's clock."""
    return bool(session.scalar(select(func.now() > row.expires_at)))
