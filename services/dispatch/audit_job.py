"""An audit job: wait for its files, run its plan, and end it exactly once."""

from __future__ import annotations

from functools import partial

import structlog
from sqlalchemy.orm import Session

from schemas.audits import AuditState, StageProgress
from schemas.classifiers import IntakeState
from schemas.policies import Outcome
from schemas.ports import BlobMissing
from schemas.problems import ErrorCode, Problem
from schemas.stages import AuditSubject
from services.db.tables import AuditArtifactRow, AuditRow, JobState
from services.errors import Unavailable, failure
from services.jobs import queue
from services.jobs.queue import Claim, fenced

from . import journal
from .interrupts import CancelRequested, ShuttingDown, StageFailed
from .retries import settle
from .science import Done
from .sealing import stored_report
from .subjects import Files, audit_subject, files_of
from .watch import Signals
from .workbench import Workbench

log = structlog.get_logger()

INTAKE_WAIT_SECONDS = 0.3
RESULT_STAGE = RESULT_OUTPUT = "result"


def run_audit(bench: Workbench, owner: Claim, signals: Signals) -> None:
    """Work on an audit until it ends, waits or is given back.

    Raises:
        Fenced: another dispatcher owns it; nothing was written.
        LeaseLost: likewise.
    """
    subject = _open(bench, owner)
    if subject is None:
        return
    try:
        done = bench.run(partial(bench.science.plan_audit, subject), signals, partial(_progress, bench, owner)).drive()
        _succeed(bench, owner, subject, done)
    except CancelRequested:
        _cancelled(bench, owner)
    except ShuttingDown:
        _give_back(bench, owner, "the dispatcher shut down", delay=0.0, counted=False)
    except Unavailable as error:
        _failed(bench, owner, StageFailed.of_outage(error))
    except StageFailed as failed:
        _failed(bench, owner, failed)


def _open(bench: Workbench, owner: Claim) -> AuditSubject | None:
    """The subject, now running; ``None`` when the audit ended here or still waits for its files."""
    with fenced(bench.factory, owner) as session:
        audit = session.get_one(AuditRow, owner.subject_id)
        files = files_of(session, audit)
        problem = _refusal(bench, owner, files)
        if audit.cancel_requested:
            _end_cancelled(bench, session, owner)
        elif problem is not None:
            _end_failed(bench, session, owner, problem)
        elif any(file.state == IntakeState.PENDING for _, file in files.named()):
            queue.requeue(session, owner, INTAKE_WAIT_SECONDS, counted=False)
        else:
            journal.begin(session, audit.id, owner.attempt, lost=audit.state == AuditState.RUNNING)
            return audit_subject(audit, files, attempt=owner.attempt)
    return None


def _refusal(bench: Workbench, owner: Claim, files: Files) -> Problem | None:
    for kind, file in files.named():
        if file.state == IntakeState.REJECTED:
            why = (file.problem or {}).get("detail", "")
            detail, advice = f"the {kind} was refused at intake: {why}", f"See the {kind}'s own problem."
            return failure(ErrorCode.INTAKE_REJECTED, detail, advice)
    if owner.attempt > bench.settings.max_attempts:
        detail = f"{bench.settings.max_attempts} attempts lost their dispatcher"
        return failure(ErrorCode.ATTEMPTS_EXHAUSTED, detail, "The service's log says why.", status=500)
    return None


def _progress(
    bench: Workbench, owner: Claim, stages: list[StageProgress], changed: list[StageProgress], share: float
) -> None:
    with fenced(bench.factory, owner) as session:
        journal.progress(session, owner.subject_id, stages, changed, share)


def _succeed(bench: Workbench, owner: Claim, subject: AuditSubject, done: Done) -> None:
    """Result, artifacts, manifest, state and job, in one transaction; the report is rendered and sealed before it."""
    if RESULT_STAGE not in done or RESULT_OUTPUT not in done[RESULT_STAGE].outputs:
        raise StageFailed(ErrorCode.INTERNAL, "the plan of this audit has no result")
    artifacts, gate = _artifacts(bench, owner.subject_id, done), _gate(done)
    result = done[RESULT_STAGE].outputs[RESULT_OUTPUT]
    report = stored_report(bench, owner, subject, result, artifacts, gate)
    with fenced(bench.factory, owner) as session:
        verdicts = done[RESULT_STAGE].summary.get("verdicts")
        journal.succeed(session, owner.subject_id, result, artifacts, gate, verdicts)
        if report is not None:
            report.record(session)
        bench.end_job(session, owner, JobState.DONE)
    bench.metrics.artifact_bytes.inc(sum(artifact.bytes for artifact in artifacts))
    if gate is not None:
        bench.metrics.gates.labels(gate).inc()


def _gate(done: Done) -> Outcome | None:
    """What came of the audit's policy, if it has one."""
    gate = done[RESULT_STAGE].summary.get("gate")
    return None if gate is None else Outcome(gate)


def _artifacts(bench: Workbench, audit_id: str, done: Done) -> list[AuditArtifactRow]:
    listed: dict[str, dict[str, str]] = done[RESULT_STAGE].summary.get("artifacts", {})
    try:
        return [
            AuditArtifactRow(audit_id=audit_id, role=role, bytes=bench.store.size(item["digest"]), **item)
            for role, item in listed.items()
        ]
    except BlobMissing as error:
        raise StageFailed(ErrorCode.ARTIFACT_MISSING, "a stored output is missing", retryable=True) from error


def _failed(bench: Workbench, owner: Claim, failed: StageFailed) -> None:
    log.warning("audit.stage_failed", audit=owner.subject_id, code=failed.code, exc_info=failed.__cause__)

    def end(problem: Problem) -> None:
        with fenced(bench.factory, owner) as session:
            _end_failed(bench, session, owner, problem)

    settle(failed, owner.attempt, bench.settings.max_attempts, partial(_give_back, bench, owner), end)


def _give_back(bench: Workbench, owner: Claim, why: str, delay: float, counted: bool) -> None:
    with fenced(bench.factory, owner) as session:
        journal.move(session, owner.subject_id, AuditState.QUEUED)
        queue.requeue(session, owner, delay, error=why, counted=counted)


def _cancelled(bench: Workbench, owner: Claim) -> None:
    with fenced(bench.factory, owner) as session:
        _end_cancelled(bench, session, owner)


def _end_cancelled(bench: Workbench, session: Session, owner: Claim) -> None:
    journal.move(session, owner.subject_id, AuditState.CANCELLED)
    bench.end_job(session, owner, JobState.CANCELLED)


def _end_failed(bench: Workbench, session: Session, owner: Claim, problem: Problem) -> None:
    journal.fail(session, owner.subject_id, problem)
    bench.end_job(session, owner, JobState.FAILED, error=problem.code)
