"""An intake job: run the sandboxed stage on an uploaded file, and say whether it may be audited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from schemas.audits import StageProgress
from schemas.autoencoders import AutoencoderFacts
from schemas.classifiers import ClassifierFacts, IntakeState
from schemas.datasets import DatasetFacts
from schemas.problems import ErrorCode, Problem
from schemas.stages import PlannedStage, StageOutcome
from services.autoencoders.service import AUTOENCODERS
from services.classifiers.service import CLASSIFIERS
from services.datasets.service import DATASETS
from services.db.tables import JobKind, JobState
from services.errors import Unavailable, failure
from services.files.resource import Resource
from services.jobs import queue
from services.jobs.queue import Claim, fenced

from .interrupts import ShuttingDown, StageFailed
from .retries import settle
from .science import Science
from .watch import Signals
from .workbench import Workbench

log = structlog.get_logger()


@dataclass(frozen=True)
class Kind:
    """One kind of intake: its rows, the plan of its only stage, and the facts that must come of it.

    ``outputs`` maps each output of the stage to the fact that holds its digest.
    """

    resource: Resource[Any, Any]
    plan: Callable[[Science, Any], list[PlannedStage]]
    facts: type[ClassifierFacts] | type[DatasetFacts] | type[AutoencoderFacts]
    outputs: dict[str, str]


KINDS = {
    JobKind.INTAKE_CLASSIFIER: Kind(
        CLASSIFIERS,
        lambda science, row: science.plan_classifier_intake(CLASSIFIERS.contract(row)),
        ClassifierFacts,
        {"model": "canonical_digest"},
    ),
    JobKind.INTAKE_DATASET: Kind(
        DATASETS,
        lambda science, row: science.plan_dataset_intake(DATASETS.contract(row), row.filename),
        DatasetFacts,
        {"dataset": "canonical_digest"},
    ),
    JobKind.INTAKE_AUTOENCODER: Kind(
        AUTOENCODERS,
        lambda science, row: science.plan_autoencoder_intake(AUTOENCODERS.contract(row)),
        AutoencoderFacts,
        {"encoder": "encoder_digest", "decoder": "decoder_digest"},
    ),
}
INTAKES = tuple(KINDS)


@dataclass(frozen=True)
class Intake:
    """One uploaded thing under intake."""

    bench: Workbench
    owner: Claim

    @property
    def kind(self) -> Kind:
        """What the job reads."""
        return KINDS[JobKind(self.owner.kind)]

    def row(self, session: Session) -> Any:
        """Its row."""
        return session.get_one(self.kind.resource.table, self.owner.subject_id)

    def plan(self) -> list[PlannedStage]:
        """The planned stage."""
        with fenced(self.bench.factory, self.owner) as session:
            row = self.row(session)
        return self.kind.plan(self.bench.science, row)

    def accept(self, outcome: StageOutcome) -> None:
        """The file is ready; its facts are written with the job's end.

        Raises:
            StageFailed: the stage left no such facts.
        """
        facts = self._found(outcome)
        with fenced(self.bench.factory, self.owner) as session:
            row = self.row(session)
            row.state = IntakeState.READY
            row.facts = facts
            self.bench.end_job(session, self.owner, JobState.DONE)

    def _found(self, outcome: StageOutcome) -> dict[str, Any]:
        """Checked here, for a malformed row would break every later reader."""
        try:
            facts = self.kind.facts.model_validate(outcome.summary["facts"]).model_dump(mode="json")
            digests = {fact: outcome.outputs[output] for output, fact in self.kind.outputs.items()}
        except (KeyError, ValidationError) as error:
            raise StageFailed(ErrorCode.INTERNAL, "intake left no usable facts") from error
        if any(facts[fact] != digest for fact, digest in digests.items()):
            raise StageFailed(ErrorCode.INTERNAL, "intake left files that are not those of its facts")
        return facts

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
    settle(failed, owner.attempt, intake.bench.settings.max_attempts, intake.give_back, intake.reject)


def _nobody_listens(stages: list[StageProgress], changed: list[StageProgress], share: float) -> None:
    """A file under intake shows no progress."""
