"""Queries on API keys."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from services.db.tables import ApiKeyRow


def find_usable(session: Session, hashes: Collection[str]) -> ApiKeyRow | None:
    """The key that is stored as one of ``hashes``, unless it is revoked or expired by the database's clock."""
    alive = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > func.now())
    return session.scalar(select(ApiKeyRow).where(ApiKeyRow.hash.in_(hashes), ApiKeyRow.revoked_at.is_(None), alive))


def find(session: Session, key: str) -> ApiKeyRow | None:
    """One key, whatever its state."""
    return session.get(ApiKeyRow, key)


def newest(session: Session, project: str) -> list[ApiKeyRow]:
    """Every key of a project, newest first."""
    query = select(ApiKeyRow).where(ApiKeyRow.project_id == project)
    return list(session.scalars(query.order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id)))
