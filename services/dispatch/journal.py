"""Writes to an audit's row, each in a transaction that holds the job's token, each with its event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from schemas.audits import MOVES, AuditState, StageProgress
from schemas.policies import Outcome
from schemas.problems import Problem
from services.audits.announcing import announce_gate, announce_state
from services.db.automation import ComparisonRow
from services.db.events import append_event
from services.db.tables import AuditArtifactRow, AuditRow
from services.errors import Fenced


def move(
    session: Session, audit_id: str, state: AuditState, told: Mapping[str, Any] | None = None, **values: Any
) -> None:
    """Move an audit by the table of allowed moves, write the event, and announce it with what else is ``told``.

    Raises:
        Fenced: the audit is in a state that ``state`` cannot follow.
    """
    allowed = [before for before, after in MOVES.items() if state in after]
    if state.terminal:
        values["finished_at"] = func.now()
    statement = (
        update(AuditRow)
        .where(AuditRow.id == audit_id, AuditRow.state.in_(allowed))
        .values(state=state, **values)
        .returning(AuditRow.started_at == func.now())
        .execution_options(synchronize_session=False)
    )
    moved = session.execute(statement).first()
    if moved is None:
        raise Fenced(f"audit {audit_id} cannot become {state}")
    data = {"state": state} | {name: values[name] for name in ("attempt", "problem") if values.get(name) is not None}
    append_event(session, audit_id, "state", data)
    starts_now = moved[0] is True
    if state.terminal or starts_now:  # later attempts of an audit are its own affair
        announce_state(session, audit_id, told)


def begin(session: Session, audit_id: str, attempt: int, lost: bool) -> None:
    """The audit runs. After a ``lost`` attempt it was running already: it goes back to the queue first.

    Raises:
        Fenced: the audit has ended.
    """
    if lost:
        move(session, audit_id, AuditState.QUEUED)
    started = func.coalesce(AuditRow.started_at, func.now())
    move(session, audit_id, AuditState.RUNNING, attempt=attempt, started_at=started)


def fail(session: Session, audit_id: str, problem: Problem) -> None:
    """The audit failed for good.

    Raises:
        Fenced: the audit has ended.
    """
    move(session, audit_id, AuditState.FAILED, problem=problem.model_dump(mode="json"))


def succeed(
    session: Session,
    audit_id: str,
    result_digest: str,
    artifacts: list[AuditArtifactRow],
    gate: Outcome | None = None,
    verdicts: Mapping[str, int] | None = None,
) -> None:
    """The audit has a result, and ``gate`` came of its policy if it has one. ``verdicts``: how often each was drawn.

    Raises:
        Fenced: the audit has ended.
    """
    session.add_all(artifacts)
    told = {"verdicts": dict(verdicts or {})}
    move(session, audit_id, AuditState.SUCCEEDED, told, result_digest=result_digest, progress=1.0, gate=gate)
    if gate is not None:
        announce_gate(session, audit_id)


def progress(
    session: Session, audit_id: str, stages: list[StageProgress], changed: list[StageProgress], share: float
) -> None:
    """Write every stage's progress to the row, and an event for each that changed."""
    statement = (
        update(AuditRow)
        .where(AuditRow.id == audit_id)
        .values(stages=[stage.model_dump(mode="json") for stage in stages], progress=share)
        .execution_options(synchronize_session=False)
    )
    session.execute(statement)
    for stage in changed:
        append_event(session, audit_id, "stage", stage.model_dump(mode="json"))


def count_gpu(session: Session, subject: str, seconds: float) -> None:
    """Add what a stage that was really run reserved of GPUs to its audit or comparison."""
    for table in (AuditRow, ComparisonRow):
        statement = update(table).where(table.id == subject).values(gpu_seconds=table.gpu_seconds + seconds)
        session.execute(statement.execution_options(synchronize_session=False))
