"""Browsers that are signed in. The cookie holds 256 random bits, the database their SHA-256 and whose key it was.

A session is as good as its key: both are looked up on every request, so a revoked or expired key ends it at once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from schemas.api_keys import Scope
from services.api_keys.service import Principal
from services.db.tables import ApiKeyRow
from services.db.trust import ProjectRow, WebSessionRow

HOURS = 12


@dataclass(frozen=True)
class Visitor:
    """Who looks at the page: the principal behind the session, and the token that its forms carry."""

    csrf: str
    principal: Principal
    key_name: str
    project_name: str

    def may(self, scope: str) -> bool:
        """Whether to offer what needs ``scope``."""
        return self.principal.may(Scope(scope))


def begin(session: Session, principal: Principal) -> str:
    """Sign ``principal`` in; returns the value for the cookie, always a fresh one."""
    value = secrets.token_urlsafe(32)
    session.execute(delete(WebSessionRow).where(WebSessionRow.expires_at < func.now()))
    session.add(
        WebSessionRow(
            id=digest_of(value),
            project_id=principal.project,
            principal={"key": principal.id},
            csrf=secrets.token_urlsafe(32),
            expires_at=func.now() + timedelta(hours=HOURS),
        )
    )
    return value


def find(session: Session, value: str, request_id: str = "") -> Visitor | None:
    """Who the cookie ``value`` stands for, unless the session or its key has ended by the database's clock."""
    alive = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > func.now())
    query = (
        select(WebSessionRow, ApiKeyRow, ProjectRow.name)
        .join(ApiKeyRow, ApiKeyRow.id == WebSessionRow.principal["key"].astext)
        .join(ProjectRow, ProjectRow.id == ApiKeyRow.project_id)
        .where(WebSessionRow.id == digest_of(value), WebSessionRow.expires_at > func.now())
        .where(ApiKeyRow.revoked_at.is_(None), alive, ApiKeyRow.project_id == WebSessionRow.project_id)
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    row, key, project = found
    principal = Principal(key.id, Scope(key.scope), key.project_id, request_id)
    return Visitor(row.csrf, principal, key.name, project)


def end(session: Session, value: str) -> None:
    """Sign out. Repeating is harmless."""
    session.execute(delete(WebSessionRow).where(WebSessionRow.id == digest_of(value)))


def digest_of(value: str) -> str:
    """What is stored of a cookie."""
    return hashlib.sha256(value.encode()).hexdigest()
