"""Which audit another one is compared with by the rules of a policy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, select
from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.policies import Outcome
from services.db.tables import AuditRow, DatasetRow
from services.errors import InvalidRequest

HELD = {"read": True, "key_share": True}
"""A lock that retention respects and nobody else meets: the baseline stays until whoever names it is committed."""


def check_baseline(session: Session, baseline: str, dataset: str) -> None:
    """Check that audits on ``dataset`` can be compared with the audit ``baseline``.

    Raises:
        InvalidRequest: it does not exist, has not succeeded, or was on other references.
    """
    row = session.get(AuditRow, baseline, with_for_update=HELD)
    if row is None:
        raise InvalidRequest(f"No audit has the id {baseline}.", "List the audits to see their ids.")
    if row.state != AuditState.SUCCEEDED:
        detail = f"The baseline {baseline} is {row.state}."
        raise InvalidRequest(detail, "Name an audit that has succeeded.")
    if _content(session, row.dataset_id) != _content(session, dataset):
        detail = f"The baseline {baseline} was on the dataset {row.dataset_id}, whose references are others."
        raise InvalidRequest(detail, "Name an audit on the same references: verdicts on others do not compare.")


def _content(session: Session, dataset: str) -> str | None:
    """The digest of what a dataset holds: the same file sent twice is the same references."""
    return (session.get_one(DatasetRow, dataset).facts or {}).get("canonical_digest")


def previous(session: Session, *of: ColumnElement[bool], age: SQLColumnExpression[Any]) -> str | None:
    """Id of the audit that ``previous`` means among those ``of`` a schedule or a model; the highest ``age`` is newest.

    The newest that passed its policy: a regression that failed one is not forgiven by the next. Before any has passed,
    the newest that no policy was about; else the oldest that a policy could not decide, for want of a baseline. Never
    one that failed.
    """
    ages = (age, AuditRow.created_at, AuditRow.id)
    newest, oldest = [one.desc() for one in ages], [one.asc() for one in ages]
    passed, undecided = AuditRow.gate == Outcome.PASS, AuditRow.gate == Outcome.INCONCLUSIVE
    for gate, order in ((passed, newest), (AuditRow.gate.is_(None), newest), (undecided, oldest)):
        query = select(AuditRow.id).where(AuditRow.state == AuditState.SUCCEEDED, gate, *of)
        found = session.scalars(query.order_by(*order).limit(1)).first()
        if found is not None:
            return found
    return None
