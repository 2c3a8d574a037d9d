"""An intake job: run the sandboxed stage on an uploaded file, and say whether it may be audited."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from schemas.audits import StageProgress
from schemas.classifiers import ClassifierFacts, IntakeState
from schemas.datasets import DatasetFacts
from schemas.problems import ErrorCode, Problem
from schemas.stages import PlannedStage, StageOutcome
from services.classifiers import service as classifiers
from services.datasets import service as datasets
from services.db.tables import ClassifierRow, DatasetRow, JobKind, JobState
from services.errors import Unavailable, failure
from services.jobs import queue
from services.jobs.queue import Claim, fenced

from .interrupts import OUTAGE_SECONDS, ShuttingDown, StageFailed
from .watch import Signals
from .workbench import Workbench

log = structlog.get_logger()

OUTPUT = {JobKind.INTAKE_CLASSIFIER: "model", JobKind.INTAKE_DATASET: "dataset"}
"""Name of the canonical file among the outcome's outputs."""


@dataclass(frozen=True)
class Intake:
    """One file under intake."""

    bench: Workbench
    owner: Claim

    def row(self, session: Session) -> ClassifierRow | DatasetRow:
        """The file's row."""
        if self.owner.kind == JobKind.INTAKE_CLASSIFIER:
            return session.get_one(ClassifierRow, self.owner.subject_id)
        return session.get_one(DatasetRow, self.owner.subject_id)

    def plan(self) -> list[PlannedStage]:
        """The planned stage."""
        with fenced(self.bench.factory, self.owner) as session:
            row = self.row(session)
        if isinstance(row, ClassifierRow):
            return self.bench.science.plan_classifier_intake(classifiers.contract(row))
        return self.bench.science.plan_dataset_intake(datasets.contract(row), row.filename)

    def accept(self, outcome: StageOutcome) -> None:
        """The file is ready; its facts and canonical form are written with the job's end.

        Raises:
            StageFailed: the stage left no such facts.
        """
        facts, digest = self._found(outcome)
        with fenced(self.bench.factory, self.owner) as session:
            row = self.row(session)
            row.state = IntakeState.READY
            row.facts = facts.model_dump(mode="json")
            row.canonical_digest = digest
            self.bench.end_job(session, self.owner, JobState.DONE)

    def _found(self, outcome: StageOutcome) -> tuple[ClassifierFacts | DatasetFacts, str]:
        """Checked here, for a malformed row would break every later reader."""
        contract = ClassifierFacts if self.owner.kind == JobKind.INTAKE_CLASSIFIER else DatasetFacts
        try:
            return contract.model_validate(outcome.summary["facts"]), outcome.outputs[OUTPUT[self.owner.kind]]
        except (KeyError, ValidationError) as error:
            raise StageFailed(ErrorCode.INTERNAL, "intake left no usable facts") from error

    def reject(self, problem: Problem) -> None:
        """The file is refused, for good."""
        self.bench.metrics.intake_rejections.labels(problem.code).inc()
        with fenced(self.bench.factory, self.owner) as session:
            row = self.row(session)
            row.state = IntakeState.REJECTED
            row.problem = problem.model_dump(mode="json")
            self.bench.end_job(session, self.owner, JobState.FAILED, error=problem.code)

    def give_back(self, why: str, delay: float, counted: bool) -> None:
        """Another attempt later."""
        with fenced(self.bench.factory, self.owner) as session:
            queue.requeue(session, self.owner, delay, error=why, counted=counted)


def run_intake(bench: Workbench, owner: Claim, signals: Signals) -> None:
    """Work on an uploaded file until it is accepted, refused or given back.

    Raises:
        Fenced: another dispatcher owns it; nothing was written.
        LeaseLost: likewise.
    """
    intake = Intake(bench, owner)
    if owner.attempt > bench.settings.max_attempts:
        intake.reject(failure(ErrorCode.ATTEMPTS_EXHAUSTED, "every attempt to read the file lost its dispatcher"))
        return
    stages = intake.plan()
    try:
        done = bench.run(lambda _: stages, signals, _nobody_listens).drive()
        intake.accept(done[stages[-1].name])
    except ShuttingDown:
        intake.give_back("the dispatcher shut down", delay=0.0, counted=False)
    except Unavailable as error:
        _failed(intake, StageFailed.of_outage(error))
    except StageFailed as failed:
        _failed(intake, failed)


def _failed(intake: Intake, failed: StageFailed) -> None:
    owner = intake.owner
    log.warning("intake.failed", subject=owner.subject_id, code=failed.code, exc_info=failed.__cause__)
    if failed.outage:
        intake.give_back(failed.detail, OUTAGE_SECONDS, counted=False)
        return
    if failed.retryable and owner.attempt < intake.bench.settings.max_attempts:
        intake.give_back(failed.detail, queue.backoff(owner.attempt), counted=True)
        return
    intake.reject(failed.exhausted(owner.attempt) if failed.retryable else failed.problem)


def _nobody_listens(stages: list[StageProgress], changed: list[StageProgress], share: float) -> None:
    """A file under intake shows no progress."""
