"""What a project uses, counted where it is kept."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.projects import Project, ProjectLimits, ProjectUsage
from schemas.uploads import UploadState
from services.db.tables import AuditArtifactRow, AuditRow, UploadRow

GPU_WINDOW = timedelta(days=30)


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
    """Audits that are queued or running."""
    open_states = [state for state in AuditState if not state.terminal]
    mine = and_(AuditRow.project_id == project, AuditRow.state.in_(open_states))
    return session.scalar(select(func.count()).select_from(AuditRow).where(mine)) or 0


def gpu_seconds(session: Session, project: str) -> float:
    """Seconds of a reserved GPU, over the audits that began in the last 30 days."""
    mine = and_(AuditRow.project_id == project, AuditRow.started_at > func.now() - GPU_WINDOW)
    return float(session.scalar(select(func.sum(AuditRow.gpu_seconds)).where(mine)) or 0.0)


def upload_bytes(session: Session, project: str) -> int:
    """Bytes of uploads that are complete, or that may still come."""
    coming = and_(UploadRow.state == UploadState.OPEN, UploadRow.expires_at > func.now())
    kept = or_(UploadRow.state == UploadState.COMPLETE, coming)
    return _sum(session, UploadRow.bytes, and_(UploadRow.project_id == project, kept))


def artifact_bytes(session: Session, project: str) -> int:
    """Bytes of what audits left."""
    return _sum(session, AuditArtifactRow.bytes, AuditArtifactRow.project_id == project)


def _sum(session: Session, column: object, condition: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.sum(column)).where(condition)) or 0)
