"""Rules of comparisons. The comparison's row and its job begin in one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.comparisons import Comparison, ComparisonCreate
from schemas.problems import Problem
from services.db.automation import ComparisonRow
from services.db.identifiers import new_id
from services.db.paging import Position
from services.db.tables import AuditRow, DatasetRow, JobKind
from services.errors import Conflict, InvalidRequest, NotComparable, NotFound, ReportNotReady
from services.jobs.queue import enqueue
from services.projects.quotas import check_audit

from . import repository

LONGEST_NAME = 200


def create(session: Session, body: ComparisonCreate) -> Comparison:
    """Queue a comparison of two audits.

    Raises:
        InvalidRequest: an audit does not exist.
        NotComparable: they are one and the same, one has no result, or they looked at different references.
        Conflict: one of them has not ended yet.
        QuotaExceeded: the project may not begin another audit or comparison.
    """
    if body.before == body.after:
        raise NotComparable("An audit has no difference from itself.", "Name two audits.")
    before, references = _succeeded(session, body.before)
    after, others = _succeeded(session, body.after)
    _check_same_references(references, others)
    check_audit(session)
    row = ComparisonRow(
        id=new_id("cmp"), name=body.name or _name(before, after), before_id=before.id, after_id=after.id
    )
    session.add(row)
    session.flush()
    enqueue(session, JobKind.COMPARISON, row.id)
    session.refresh(row)
    return contract(row)


def get(session: Session, comparison: str) -> Comparison:
    """One comparison.

    Raises:
        NotFound: no comparison has this id.
    """
    return contract(_existing(session, comparison))


def page(
    session: Session, after: Position | None, limit: int, audit: str | None = None
) -> tuple[list[Comparison], Position | None]:
    """A page of comparisons, newest first, and where the next one begins."""
    rows, following = repository.page(session, after, limit, audit)
    return [contract(row) for row in rows], following


def digests(session: Session, comparison: str) -> tuple[str, str | None]:
    """Digests of ``comparison.json`` and of its pictures, if there are any.

    Raises:
        NotFound: no comparison has this id.
        ReportNotReady: it has not succeeded.
    """
    row = _existing(session, comparison)
    if row.result_digest is None:
        ended = AuditState(row.state).terminal
        advice = "A comparison that ends like this has no report." if ended else "Ask again when it has succeeded."
        raise ReportNotReady(f"The comparison {comparison} is {row.state}.", advice)
    return row.result_digest, row.pictures_digest


def contract(row: ComparisonRow) -> Comparison:
    """A row as the API answers it."""
    return Comparison(
        id=row.id,
        name=row.name,
        state=AuditState(row.state),
        before=row.before_id,
        after=row.after_id,
        progress=row.progress,
        problem=None if row.problem is None else Problem.model_validate(row.problem),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _existing(session: Session, comparison: str) -> ComparisonRow:
    row = repository.find(session, comparison)
    if row is None:
        raise NotFound(f"No comparison has the id {comparison}.")
    return row


def _succeeded(session: Session, audit: str) -> tuple[AuditRow, DatasetRow]:
    """An audit that has a result, and its dataset."""
    found = repository.audit_with_dataset(session, audit)
    if found is None:
        raise InvalidRequest(f"No audit has the id {audit}.", "List the audits to see their ids.")
    state = AuditState(found[0].state)
    if not state.terminal:
        raise Conflict(f"The audit {audit} is {state}.", "Compare it when it has succeeded.")
    if state is not AuditState.SUCCEEDED:
        raise NotComparable(f"The audit {audit} has {_ended(state)}.", "Only audits that succeeded have numbers.")
    return found


def _ended(state: AuditState) -> str:
    return "been cancelled" if state is AuditState.CANCELLED else state


def _check_same_references(first: DatasetRow, second: DatasetRow) -> None:
    """Differences are paired, so both audits must have looked at the same images, byte for byte."""
    digests = {_canonical(first), _canonical(second)}
    if first.id == second.id or (len(digests) == 1 and None not in digests):
        return
    raise NotComparable(
        f"The audits looked at different references: {first.id} and {second.id}.",
        "Audit both classifiers on one dataset, then compare.",
    )


def _canonical(dataset: DatasetRow) -> str | None:
    return (dataset.facts or {}).get("canonical_digest")


def _name(before: AuditRow, after: AuditRow) -> str:
    room = (LONGEST_NAME - len(" to ")) // 2
    return f"{before.name[:room].strip()} to {after.name[:room].strip()}"
