"""Tables of who may do what, who did what, and what was signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .scoping import Scoped, Table, created


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
    __table_args__ = (Index("ix_trail_newest", "project_id", "id"), Index("ix_trail_subject", "subject"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = created()
    principal: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    request_id: Mapped[str]


class ManifestRow(Scoped, Table):
    """A statement of what an audit or a comparison rests on and came to, and the sealed page that carries it.

    ``document`` is the very text that was signed, ``digest`` its SHA-256; ``page_digest`` is of the stored page with
    its seal. ``original``: made when the subject ended; others are later pages by newer templates. ``key_id`` and
    ``signature`` are null where this installation had no key.
    """

    __tablename__ = "manifests"
    __table_args__ = (
        Index(
            "uq_manifests_page",
            "subject_id",
            "template_version",
            text("COALESCE(key_id, '')"),
            unique=True,
        ),
    )

    subject_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    original: Mapped[bool]
    template_version: Mapped[str]
    page_digest: Mapped[str]
    document: Mapped[str]
    key_id: Mapped[str | None]
    signature: Mapped[str | None]
    signed_at: Mapped[datetime] = created()


class SigningKeyRow(Table):
    """A public key that this installation signs, or once signed, with. ``public_key`` is base64 of 32 bytes."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str]
    created_at: Mapped[datetime] = created()


class CollectionRow(Table):
    """A run of the collector. The bucket holds the id of the last one: a database that does not know it is another, or
    an old one restored, and nothing may be removed by its word.
    """

    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = created()
    finished_at: Mapped[datetime | None]
    found: Mapped[dict[str, Any] | None]


class WebSessionRow(Scoped, Table):
    """A browser that is signed in. ``id`` is the SHA-256 of what the cookie holds."""

    __tablename__ = "web_sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    principal: Mapped[dict[str, Any]]
    csrf: Mapped[str]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime]
