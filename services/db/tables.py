"""Tables of the main job; those of automation, outbox and trust are beside. The clock is the database's.

States are checked by the database, ids are ``prefix_hex``.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Sequence, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.api_keys import Scope
from schemas.audits import AuditState
from schemas.classifiers import IntakeState
from schemas.policies import Outcome
from schemas.uploads import UploadState

from .scoping import Scoped, Table, created, one_of


class JobKind(StrEnum):
    """What a job does."""

    INTAKE_CLASSIFIER = "intake_classifier"
    INTAKE_DATASET = "intake_dataset"
    INTAKE_AUTOENCODER = "intake_autoencoder"
    AUDIT = "audit"
    COMPARISON = "comparison"
    IMPORT_VERSION = "import_version"


class JobState(StrEnum):
    """Life of a job row."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN_JOB = "state IN ('queued', 'running')"
"""Partial index condition: a subject has at most one open job."""

TOKENS = Sequence("job_tokens", metadata=Table.metadata)
"""Fencing tokens: every claim takes the next one, so a later owner always has a larger token."""


class ApiKeyRow(Scoped, Table):
    """A key: its visible prefix and the SHA-256 of its secret, marked where its project is not the default one."""

    __tablename__ = "api_keys"
    __table_args__ = (one_of("scope", Scope),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    scope: Mapped[str]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class UploadRow(Scoped, Table):
    """Bytes on their way in. ``digest`` is set when they are complete and hashed."""

    __tablename__ = "uploads"
    __table_args__ = (one_of("state", UploadState), one_of("transfer", ("direct", "multipart")))

    id: Mapped[str] = mapped_column(primary_key=True)
    filename: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    declared_sha256: Mapped[str | None]
    transfer: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=UploadState.OPEN)
    digest: Mapped[str | None]
    staging_key: Mapped[str | None]
    s3_upload_id: Mapped[str | None]
    part_bytes: Mapped[int | None] = mapped_column(BigInteger)
    principal: Mapped[str]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime]


class Inspected(Scoped):
    """Columns of what goes through intake: its state, and the facts or the problem that intake found."""

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=IntakeState.PENDING)
    facts: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = created()


class UploadedFile(Inspected):
    """And of what is one uploaded file."""

    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"))
    digest: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str]


class ClassifierRow(UploadedFile, Table):
    """An uploaded ONNX file and what intake says of it."""

    __tablename__ = "classifiers"
    __table_args__ = (one_of("state", IntakeState), Index("ix_classifiers_newest", "project_id", "created_at", "id"))

    input: Mapped[dict[str, Any]]
    classes: Mapped[list[Any] | None]


class DatasetRow(UploadedFile, Table):
    """Uploaded reference images and what intake says of them."""

    __tablename__ = "datasets"
    __table_args__ = (one_of("state", IntakeState), Index("ix_datasets_newest", "project_id", "created_at", "id"))

    attributes: Mapped[dict[str, Any]]


class AutoencoderRow(Inspected, Table):
    """An uploaded encoder and decoder and what intake says of them."""

    __tablename__ = "autoencoders"
    __table_args__ = (one_of("state", IntakeState), Index("ix_autoencoders_newest", "project_id", "created_at", "id"))

    encoder_upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"))
    decoder_upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"))
    encoder_digest: Mapped[str]
    decoder_digest: Mapped[str]
    value_range: Mapped[list[Any]]


class AuditRow(Scoped, Table):
    """An audit. ``last_sequence`` numbers its events; ``stages`` is the latest progress of each stage.

    ``gate`` is what came of ``policy_id``; ``origin`` names the schedule or the registry version that began it;
    ``gpu_seconds`` is what its stages reserved of GPUs, for the quota.
    """

    __tablename__ = "audits"
    __table_args__ = (
        one_of("state", AuditState),
        one_of("gate", Outcome),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        CheckConstraint("(state = 'succeeded') = (result_digest IS NOT NULL)", name="result"),
        Index("ix_audits_newest", "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=AuditState.QUEUED)
    classifier_id: Mapped[str] = mapped_column(ForeignKey("classifiers.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    config: Mapped[dict[str, Any]]
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("policies.id"))
    baseline_id: Mapped[str | None] = mapped_column(ForeignKey("audits.id"))
    gate: Mapped[str | None]
    origin: Mapped[dict[str, Any] | None]
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    stages: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    problem: Mapped[dict[str, Any] | None]
    result_digest: Mapped[str | None]
    last_sequence: Mapped[int] = mapped_column(server_default=text("0"))
    gpu_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = created()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class AuditEventRow(Scoped, Table):
    """What happened to an audit, gapless from 1. Written only by :func:`services.db.events.append_event`."""

    __tablename__ = "audit_events"

    audit_id: Mapped[str] = mapped_column(ForeignKey("audits.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    at: Mapped[datetime] = created()
    data: Mapped[dict[str, Any]]


class AuditArtifactRow(Scoped, Table):
    """A stored output of an audit, by role."""

    __tablename__ = "audit_artifacts"

    audit_id: Mapped[str] = mapped_column(ForeignKey("audits.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]


class JobRow(Scoped, Table):
    """A unit of work; the row is the queue. ``token`` fences the owner, the lease runs on the database's clock."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("state", JobState),
        Index("ix_jobs_open", "state", "available_at", postgresql_where=text(OPEN_JOB)),
        Index("ix_jobs_subject", "subject_id"),
        Index("uq_jobs_open_subject", "subject_id", unique=True, postgresql_where=text(OPEN_JOB)),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=JobState.QUEUED)
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    token: Mapped[int | None] = mapped_column(BigInteger)
    worker: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    available_at: Mapped[datetime] = created()
    created_at: Mapped[datetime] = created()
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    traceparent: Mapped[str | None]
    request_id: Mapped[str | None]


class StageOutputRow(Scoped, Table):
    """The memory of finished stages, over all audits: the same key never runs twice. What is not used is forgotten."""

    __tablename__ = "stage_outputs"

    key: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str]
    outputs: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any]]
    seconds: Mapped[float]
    created_at: Mapped[datetime] = created()
    used_at: Mapped[datetime] = created()


class BlobRow(Table):
    """What is known of an object in the bucket; the object is written first."""

    __tablename__ = "blobs"

    digest: Mapped[str] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    created_at: Mapped[datetime] = created()


class IdempotencyKeyRow(Scoped, Table):
    """The first answer to a request, replayed to its repetitions. ``status`` is null while the first one runs.

    The project is in the key, for the bearer of a token may act in several.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (PrimaryKeyConstraint("principal", "key", "project_id"),)

    principal: Mapped[str]
    key: Mapped[str]
    fingerprint: Mapped[str]
    status: Mapped[int | None]
    location: Mapped[str | None]
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime]
