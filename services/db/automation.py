"""Tables of what begins and judges audits without a person: policies, schedules, registries; and comparisons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.audits import AuditState
from schemas.schedules import OccurrenceKind, OccurrenceState, Turn

from .scoping import Scoped, Table, created, one_of


class PolicyRow(Scoped, Table):
    """A policy document. Documents never change: a new one of the same name is the name's next version."""

    __tablename__ = "policies"
    __table_args__ = (UniqueConstraint("project_id", "name", "version", name="uq_policies_version"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    digest: Mapped[str]
    created_at: Mapped[datetime] = created()


class ComparisonRow(Scoped, Table):
    """Two finished audits, and what changed between them once that is measured."""

    __tablename__ = "comparisons"
    __table_args__ = (
        one_of("state", AuditState),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        CheckConstraint("(state = 'succeeded') = (result_digest IS NOT NULL)", name="result"),
        Index("ix_comparisons_newest", "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=AuditState.QUEUED)
    before_id: Mapped[str] = mapped_column(ForeignKey("audits.id"))
    after_id: Mapped[str] = mapped_column(ForeignKey("audits.id"))
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    problem: Mapped[dict[str, Any] | None]
    result_digest: Mapped[str | None]
    pictures_digest: Mapped[str | None]
    gpu_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = created()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ScheduleRow(Scoped, Table):
    """A schedule. Every occurrence up to ``looked_at`` has its row, ``next_at`` is the one after it.

    ``revision`` is its ETag; ``failures`` counts those in a row.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        Index("ix_schedules_newest", "project_id", "created_at", "id"),
        Index("ix_schedules_due", "next_at", postgresql_where=text("deleted_at IS NULL AND paused_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    body: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    looked_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_because: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created()


class OccurrenceRow(Scoped, Table):
    """One time of a schedule: the primary key is why no number of schedulers starts it twice.

    ``turn`` is how it meets other audits of the schedule, where not as the schedule says.
    """

    __tablename__ = "occurrences"
    __table_args__ = (
        one_of("kind", OccurrenceKind),
        one_of("state", OccurrenceState),
        one_of("turn", Turn),
        Index("ix_occurrences_open", "schedule_id", postgresql_where=text("state IN ('waiting', 'started')")),
    )

    schedule_id: Mapped[str] = mapped_column(ForeignKey("schedules.id"), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    turn: Mapped[str | None]
    starts_at: Mapped[datetime]
    audit_id: Mapped[str | None] = mapped_column(ForeignKey("audits.id"))
    detail: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = created()


class RegistryRow(Scoped, Table):
    """A model registry that tells of new versions, and is told what became of them.

    Its secrets are sealed; the previous one is taken too until ``previous_until``.
    """

    __tablename__ = "registries"
    __table_args__ = (one_of("kind", ("mlflow",)), Index("ix_registries_newest", "project_id", "created_at", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    url: Mapped[str]
    body: Mapped[dict[str, Any]]
    sealed_token: Mapped[str | None]
    sealed_secret: Mapped[str]
    sealed_previous: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created()


class RegistryVersionRow(Scoped, Table):
    """A model version that a registry told of: imported once, however often it is told."""

    __tablename__ = "registry_versions"
    __table_args__ = (
        one_of("state", ("pending", "imported", "failed")),
        UniqueConstraint("registry_id", "model", "version", name="uq_registry_versions_version"),
        Index("ix_registry_versions_newest", "registry_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    registry_id: Mapped[str] = mapped_column(ForeignKey("registries.id"))
    model: Mapped[str]
    version: Mapped[str]
    run_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="pending")
    classifier_id: Mapped[str | None] = mapped_column(ForeignKey("classifiers.id"))
    audit_id: Mapped[str | None] = mapped_column(ForeignKey("audits.id"))
    problem: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = created()
    finished_at: Mapped[datetime | None]
