"""A comparison job: run the plan of two audits that ended, and end the comparison exactly once.

It is tried again as an audit is. It cannot be cancelled: nearly all of its stages are finished ones of the two audits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from schemas.audits import MOVES, AuditState, StageProgress
from schemas.comparisons import ComparedSubject, ComparisonSubject
from schemas.problems import ErrorCode, Problem
from services.db.automation import ComparisonRow
from services.db.tables import AuditRow, JobState
from services.deliveries.events import announce
from services.errors import Fenced, Unavailable, failure
from services.jobs import queue
from services.jobs.queue import Claim, fenced

from .interrupts import ShuttingDown, StageFailed
from .retries import settle
from .science import Done
from .subjects import audit_subject, files_of
from .watch import Signals
from .workbench import Workbench

log = structlog.get_logger()

COMPARISON_STAGE = "comparison"
TOLD = {AuditState.SUCCEEDED: "comparison.succeeded", AuditState.FAILED: "comparison.failed"}


def run_comparison(bench: Workbench, owner: Claim, signals: Signals) -> None:
    """Work on a comparison until it ends or is given back.

    Raises:
        Fenced: another dispatcher owns it; nothing was written.
        LeaseLost: likewise.
    """
    subject = _open(bench, owner)
    if subject is None:
        return
    plan = partial(bench.science.plan_comparison, subject)
    try:
        _succeed(bench, owner, bench.run(plan, signals, partial(_progress, bench, owner)).drive())
    except ShuttingDown:
        _give_back(bench, owner, "the dispatcher shut down", delay=0.0, counted=False)
    except Unavailable as error:
        _failed(bench, owner, StageFailed.of_outage(error))
    except StageFailed as failed:
        _failed(bench, owner, failed)


def _open(bench: Workbench, owner: Claim) -> ComparisonSubject | None:
    """The subject, now running; ``None`` when the comparison ended here."""
    with fenced(bench.factory, owner) as session:
        row = session.get_one(ComparisonRow, owner.subject_id)
        before, after = (session.get_one(AuditRow, audit) for audit in (row.before_id, row.after_id))
        problem = _refusal(bench, owner, before, after)
        if problem is not None:
            _end_failed(bench, session, owner, problem)
            return None
        if row.state == AuditState.RUNNING:  # the attempt before lost its dispatcher
            _move(session, row.id, AuditState.QUEUED)
        started = func.coalesce(ComparisonRow.started_at, func.now())
        _move(session, row.id, AuditState.RUNNING, attempt=owner.attempt, started_at=started)
        return ComparisonSubject(
            comparison_id=row.id, name=row.name, created_at=row.created_at,
            before=_compared(session, before), after=_compared(session, after),
        )  # fmt: skip


def _refusal(bench: Workbench, owner: Claim, before: AuditRow, after: AuditRow) -> Problem | None:
    if before.result_digest is None or after.result_digest is None:
        detail, advice = "one of the audits has no result", "Compare audits that succeeded."
        return failure(ErrorCode.AUDITS_NOT_COMPARABLE, detail, advice)
    if owner.attempt > bench.settings.max_attempts:
        detail = f"{bench.settings.max_attempts} attempts lost their dispatcher"
        return failure(ErrorCode.ATTEMPTS_EXHAUSTED, detail, "The service's log says why.", status=500)
    return None


def _compared(session: Session, audit: AuditRow) -> ComparedSubject:
    subject = audit_subject(audit, files_of(session, audit), attempt=audit.attempt)
    return ComparedSubject(audit=subject, result=str(audit.result_digest))


def _progress(
    bench: Workbench, owner: Claim, _stages: list[StageProgress], _changed: list[StageProgress], share: float
) -> None:
    """The share alone: which stages those are is an audit's affair."""
    with fenced(bench.factory, owner) as session:
        statement = update(ComparisonRow).where(ComparisonRow.id == owner.subject_id).values(progress=share)
        session.execute(statement.execution_options(synchronize_session=False))


def _succeed(bench: Workbench, owner: Claim, done: Done) -> None:
    """Result, pictures, state, event and job, in one transaction."""
    outputs = done[COMPARISON_STAGE].outputs if COMPARISON_STAGE in done else {}
    if not {"comparison", "pictures"} <= outputs.keys():
        raise StageFailed(ErrorCode.INTERNAL, "the plan of this comparison has no result")
    with fenced(bench.factory, owner) as session:
        digests = {"result_digest": outputs["comparison"], "pictures_digest": outputs["pictures"]}
        _end(bench, session, owner, AuditState.SUCCEEDED, JobState.DONE, progress=1.0, **digests)


def _failed(bench: Workbench, owner: Claim, failed: StageFailed) -> None:
    log.warning("comparison.stage_failed", comparison=owner.subject_id, code=failed.code, exc_info=failed.__cause__)

    def end(problem: Problem) -> None:
        with fenced(bench.factory, owner) as session:
            _end_failed(bench, session, owner, problem)

    settle(failed, owner.attempt, bench.settings.max_attempts, partial(_give_back, bench, owner), end)


def _give_back(bench: Workbench, owner: Claim, why: str, delay: float, counted: bool) -> None:
    with fenced(bench.factory, owner) as session:
        _move(session, owner.subject_id, AuditState.QUEUED)
        queue.requeue(session, owner, delay, error=why, counted=counted)


def _end_failed(bench: Workbench, session: Session, owner: Claim, problem: Problem) -> None:
    told = problem.model_dump(mode="json")
    _end(bench, session, owner, AuditState.FAILED, JobState.FAILED, error=problem.code, problem=told)


def _end(
    bench: Workbench, session: Session, owner: Claim, state: AuditState, job: JobState, error: str | None = None,
    **values: Any,
) -> None:  # fmt: skip
    """The comparison ends, whoever wants to know is told, and the job is over."""
    _move(session, owner.subject_id, state, finished_at=func.now(), **values)
    row = session.get_one(ComparisonRow, owner.subject_id, populate_existing=True)
    problem = None if row.problem is None else {name: row.problem[name] for name in ("code", "detail", "advice")}
    data = {"comparison": row.id, "project": row.project_id, "name": row.name, "state": row.state,
            "before": row.before_id, "after": row.after_id, "problem": problem}  # fmt: skip
    announce(session, TOLD[state], row.id, data)
    bench.end_job(session, owner, job, error)


def _move(session: Session, comparison: str, state: AuditState, **values: Any) -> None:
    """Move a comparison by the same table as audits.

    Raises:
        Fenced: it is in a state that ``state`` cannot follow.
    """
    allowed = [before for before, after in MOVES.items() if state in after]
    statement = (
        update(ComparisonRow)
        .where(ComparisonRow.id == comparison, ComparisonRow.state.in_(allowed))
        .values(state=state, **values)
        .returning(ComparisonRow.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(statement).first() is None:
        raise Fenced(f"comparison {comparison} cannot become {state}")
