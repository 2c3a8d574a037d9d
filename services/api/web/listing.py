"""The list of audits: which ones, and what a row says of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.policies import Outcome
from services.db.paging import Position, newest_first
from services.db.tables import AuditRow, ClassifierRow, DatasetRow

PAGE = 25
MOST_NAMES = 200
ORIGINS = ("schedule", "registry")


@dataclass(frozen=True)
class Wanted:
    """What the visitor asked for; ``None`` means any. ``text`` is looked for in names and ids."""

    state: AuditState | None = None
    gate: Outcome | None = None
    classifier: str | None = None
    dataset: str | None = None
    text: str | None = None

    @property
    def anything(self) -> bool:
        """Whether every audit is wanted."""
        return self == Wanted()


@dataclass(frozen=True)
class Line:
    """An audit in the list. ``policy``: whether it has one; ``origin`` is what began it, where that was no person."""

    id: str
    name: str
    classifier: str
    dataset: str
    state: AuditState
    progress: float
    gate: str | None
    policy: bool
    origin: str | None
    digest: str | None
    created_at: datetime


def page_of(session: Session, wanted: Wanted, after: Position | None) -> tuple[list[Line], Position | None]:
    """A page of audits, newest first, and where the next one begins."""
    rows, following = newest_first(session, _query(wanted), AuditRow, after, PAGE)
    classifiers = names_of(session, ClassifierRow, {row.classifier_id for row in rows})
    datasets = names_of(session, DatasetRow, {row.dataset_id for row in rows})
    return [_line(row, classifiers, datasets) for row in rows], following


def names_of(session: Session, table: type[ClassifierRow] | type[DatasetRow], ids: set[str]) -> dict[str, str]:
    """Names by id."""
    found = session.execute(select(table.id, table.name).where(table.id.in_(ids)))
    return dict(found.all())


def known_names(session: Session, table: type[ClassifierRow] | type[DatasetRow]) -> list[str]:
    """Names to choose from, in their order."""
    return list(session.scalars(select(table.name).distinct().order_by(table.name).limit(MOST_NAMES)))


def of_dataset(session: Session, audit: AuditRow, limit: int) -> list[AuditRow]:
    """Other audits that succeeded on the dataset of ``audit``, newest first."""
    row = AuditRow
    query = select(row).where(row.dataset_id == audit.dataset_id, row.state == AuditState.SUCCEEDED, row.id != audit.id)
    return list(session.scalars(query.order_by(row.created_at.desc(), row.id.desc()).limit(limit)))


def mark(session: Session, wanted: Wanted) -> str:
    """A text that changes whenever something on the first page does."""
    shown = _query(wanted).order_by(AuditRow.created_at.desc(), AuditRow.id.desc()).limit(PAGE)
    columns = shown.with_only_columns(AuditRow.id, AuditRow.state, AuditRow.last_sequence, AuditRow.gate)
    return " ".join(map(str, session.execute(columns)))


def _query(wanted: Wanted) -> Select[Any]:
    query: Select[Any] = select(AuditRow)
    if wanted.state is not None:
        query = query.where(AuditRow.state == wanted.state)
    if wanted.gate is not None:
        query = query.where(AuditRow.gate == wanted.gate)
    if wanted.classifier is not None:
        named = select(ClassifierRow.id).where(ClassifierRow.name == wanted.classifier)
        query = query.where(AuditRow.classifier_id.in_(named))
    if wanted.dataset is not None:
        query = query.where(AuditRow.dataset_id.in_(select(DatasetRow.id).where(DatasetRow.name == wanted.dataset)))
    if wanted.text is not None:
        named = select(ClassifierRow.id).where(ClassifierRow.name.icontains(wanted.text, autoescape=True))
        here = AuditRow.name.icontains(wanted.text, autoescape=True)
        query = query.where(or_(here, AuditRow.id == wanted.text, AuditRow.classifier_id.in_(named)))
    return query


def _line(row: AuditRow, classifiers: dict[str, str], datasets: dict[str, str]) -> Line:
    return Line(
        id=row.id,
        name=row.name,
        classifier=classifiers[row.classifier_id],
        dataset=datasets[row.dataset_id],
        state=AuditState(row.state),
        progress=row.progress,
        gate=row.gate,
        policy=row.policy_id is not None,
        origin=None if row.origin is None else next((name for name in ORIGINS if name in row.origin), None),
        digest=row.result_digest,
        created_at=row.created_at,
    )
