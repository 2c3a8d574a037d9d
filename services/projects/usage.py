"""What a project uses, counted where it is kept."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from schemas.audits import AuditState
from schemas.projects import Project, ProjectLimits, ProjectUsage
from schemas.uploads import UploadState
from services.db.automation import ComparisonRow
from services.db.scoping import Table
from services.db.tables import AuditArtifactRow, AuditRow, JobKind, JobRow, JobState, UploadRow

GPU_WINDOW = timedelta(days=30)
INTAKES = (JobKind.INTAKE_CLASSIFIER, JobKind.INTAKE_DATASET, JobKind.INTAKE_AUTOENCODER)


def usage(session: Session, project: Project) -> ProjectUsage:
    """Everything that is limited."""
    return ProjectUsage(
        project=project.id,
        audits_in_flight=audits_in_flight(session, project.id),
        gpu_seconds=gpu_seconds(session, project.id),
        upload_bytes=upload_bytes(session, project.id),
        artifact_bytes=artifact_bytes(session, project.id),
        limits=ProjectLimits(**project.model_dump(include=set(ProjectLimits.model_fields))),
    )


def audits_in_flight(session: Session, project: str) -> int:
    """Audits and comparisons that are queued or running; not audits that were asked to stop."""
    open_states = [state for state in AuditState if not state.terminal]
    audits = and_(AuditRow.project_id == project, AuditRow.state.in_(open_states), ~AuditRow.cancel_requested)
    comparisons = and_(ComparisonRow.project_id == project, ComparisonRow.state.in_(open_states))
    return _count(session, AuditRow, audits) + _count(session, ComparisonRow, comparisons)


def intakes_in_flight(session: Session, project: str) -> int:
    """Files that wait for their intake, or are read now."""
    waiting = and_(JobRow.kind.in_(INTAKES), JobRow.state.in_((JobState.QUEUED, JobState.RUNNING)))
    return _count(session, JobRow, and_(JobRow.project_id == project, waiting))


def gpu_seconds(session: Session, project: str) -> float:
    """Seconds of a reserved GPU, over the audits and comparisons that began in the last 30 days."""
    return sum(
        _sum(session, table.gpu_seconds, and_(table.project_id == project, _recent(table)))
        for table in (AuditRow, ComparisonRow)
    )


def bytes_kept(session: Session, project: str) -> int:
    """Bytes that are limited: of uploads, and of what audits left."""
    return upload_bytes(session, project) + artifact_bytes(session, project)


def upload_bytes(session: Session, project: str) -> int:
    """Bytes of uploads that are complete, or that may still come."""
    coming = and_(UploadRow.state == UploadState.OPEN, UploadRow.expires_at > func.now())
    kept = or_(UploadRow.state == UploadState.COMPLETE, coming)
    return _bytes(session, UploadRow.bytes, and_(UploadRow.project_id == project, kept))


def artifact_bytes(session: Session, project: str) -> int:
    """Bytes of what audits left."""
    return _bytes(session, AuditArtifactRow.bytes, AuditArtifactRow.project_id == project)


def _recent(table: type[AuditRow | ComparisonRow]) -> ColumnElement[bool]:
    return table.started_at > func.now() - GPU_WINDOW


def _count(session: Session, table: type[Table], condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(condition)) or 0


def _sum(session: Session, column: InstrumentedAttribute[float], condition: ColumnElement[bool]) -> float:
    return float(session.scalar(select(func.sum(column)).where(condition)) or 0)


def _bytes(session: Session, column: InstrumentedAttribute[int], condition: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.sum(column)).where(condition)) or 0)
