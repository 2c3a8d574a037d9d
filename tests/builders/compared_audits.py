"""Audits that have ended, and comparisons of them that end as the dispatcher would end them."""

from __future__ import annotations

from sqlalchemy import func
from sqlalchemy.orm import Session

from schemas.comparisons import ComparisonPictures, ComparisonResult
from schemas.problems import ErrorCode
from services.db.automation import ComparisonRow
from services.db.engine import scoped
from services.db.tables import AuditRow
from services.errors import failure
from tests.builders.api_server import Api
from tests.builders.rows import add_audit, add_dataset


def add_ended_audits(session: Session, state: str = "succeeded", count: int = 2) -> list[str]:
    """Audits of one dataset that have ended."""
    references = add_dataset(session)
    audits = [add_audit(session, f"v{number}", dataset=references) for number in range(1, count + 1)]
    for audit in audits:
        end_audit(session, audit, state)
    return audits


def end_audit(session: Session, audit: str, state: str = "succeeded") -> None:
    """End an audit as the dispatcher does, without its files."""
    row = session.get_one(AuditRow, audit)
    row.state, row.finished_at = state, func.now()
    row.result_digest = "a" * 64 if state == "succeeded" else None
    session.flush()


def succeed_comparison(
    api: Api, comparison: str, result: ComparisonResult, pictures: ComparisonPictures | None = None
) -> None:
    """Publish a comparison, as the dispatcher does: blobs first, the row second."""
    digest = api.store.put(result.model_dump_json().encode())
    shown = None if pictures is None else api.store.put(pictures.model_dump_json().encode())
    with scoped(api.factory, api.project) as session:
        row = session.get_one(ComparisonRow, comparison)
        row.state, row.result_digest, row.pictures_digest = "succeeded", digest, shown
        row.progress, row.started_at, row.finished_at = 1.0, func.now(), func.now()


def fail_comparison(api: Api, comparison: str, detail: str, advice: str) -> None:
    """End a comparison without a result, as the dispatcher does."""
    with scoped(api.factory, api.project) as session:
        row = session.get_one(ComparisonRow, comparison)
        problem = failure(ErrorCode.STAGE_FAILED, detail, advice)
        row.state, row.problem, row.finished_at = "failed", problem.model_dump(mode="json"), func.now()
