"""Tables of who may do what, who did what, and what was signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import Scoped, Table, created


class ProjectRow(Table):
    """A team: what it uploads and what comes of it is its own. ``None``: no limit.

    ``max_gpu_seconds`` counts over the last 30 days; ``retention_days``: audits are removed so long after they ended.
    """

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    max_audits_in_flight: Mapped[int | None]
    max_gpu_seconds: Mapped[int | None] = mapped_column(BigInteger)
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)
    retention_days: Mapped[int | None]
    created_at: Mapped[datetime] = created()


class TrailRow(Scoped, Table):
    """Who did what, when; written in the transaction of the deed, never changed."""

    __tablename__ = "trail"
    __table_args__ = (Index("ix_trail_newest", "project_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = created()
    principal: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    request_id: Mapped[str]


class ManifestRow(Scoped, Table):
    """A signed statement of what an audit rests on and came to. ``document`` is the very text that was signed."""

    __tablename__ = "manifests"

    audit_id: Mapped[str] = mapped_column(ForeignKey("audits.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    document: Mapped[str]
    key_id: Mapped[str]
    signature: Mapped[str]
    signed_at: Mapped[datetime] = created()


class SigningKeyRow(Table):
    """A public key that this installation signs, or once signed, with. ``public_key`` is base64 of 32 bytes."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str]
    created_at: Mapped[datetime] = created()


class WebSessionRow(Scoped, Table):
    """A browser that is signed in. ``id`` is the SHA-256 of what the cookie holds."""

    __tablename__ = "web_sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    principal: Mapped[dict[str, Any]]
    csrf: Mapped[str]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime]
