"""Runs the product's own stage chain in this process; every stage is run once per key, as the service does."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from schemas.audits import AuditConfig, View
from schemas.certificate import PlantedPair, ScreenPair
from schemas.classifiers import ClassifierFacts
from schemas.datasets import AttributeSpec, DatasetFacts
from schemas.results import AuditResult, FeatureKind, Verdict
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders.folder_store import FinishedStages, FolderStore
from tests.builders.planted_classifiers import PLANTS
from tests.builders.planted_plots import IMAGES, PLOTS
from tests.builders.planted_scenes import to_npz
from tests.builders.planted_screens import screens
from tests.builders.planted_symmetries import SYMMETRIC
from tests.builders.planted_truths import pairs
from tests.builders.subjects import WHEN, classifier, dataset
from workers.stages.plan import plan_audit, plan_classifier_intake, plan_dataset_intake
from workers.stages.registry import run_request

Done = dict[str, StageOutcome]
HUE = {"hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}
WORKERS = 2


class Laboratory:
    """A folder of blobs and finished stages: those that depend on the dataset alone run once per dataset."""

    def __init__(self, folder: Path) -> None:
        self.store = FolderStore(folder / "blobs")
        self.finished = FinishedStages(folder / "stages")

    def audit(self, name: str, model: bytes, images: bytes, config: AuditConfig) -> AuditResult:
        """Intake and the whole audit of an ``.onnx`` file on an ``.npz`` file; returns what a user would get."""
        subject = self._subject(name, model, images, config)
        done = self._run(lambda finished: plan_audit(subject, finished))
        return AuditResult.model_validate_json(self.store.get(done["result"].outputs["result"]))

    def _subject(self, name: str, model: bytes, images: bytes, config: AuditConfig) -> AuditSubject:
        guest = classifier(None, self.store.put(model), name)
        data = dataset(None, self.store.put(images)).model_copy(update={"attributes": HUE})
        read = self._run(lambda _: [*plan_classifier_intake(guest), *plan_dataset_intake(data, "scenes.npz")])
        facts = {stage: outcome.summary["facts"] for stage, outcome in read.items()}
        return AuditSubject(
            audit_id="aud_" + "0" * 16, name=name, created_at=WHEN, attempt=1, config=config,
            classifier=guest.model_copy(
                update={"facts": ClassifierFacts.model_validate(facts["intake_classifier"])}
            ),
            dataset=data.model_copy(update={"facts": DatasetFacts.model_validate(facts["intake_dataset"])}),
        )  # fmt: skip

    def _run(self, plan: Callable[[Done], list[PlannedStage]]) -> Done:
        """Run whatever is ready until the plan holds nothing new."""
        done: Done = {}
        while left := [stage for stage in plan(done) if stage.name not in done]:
            stage, request = next((s, r) for s in left if (r := s.resolve(done)) is not None)
            done[stage.name] = self.finished.once(
                request.key, lambda request=request: run_request(request, self.store, lambda share, note: None)
            )
        return done


@dataclass(frozen=True)
class Harvest:
    """One plot's audit, its verdicts and its symmetry screen beside the truth, and how long all took in seconds."""

    result: AuditResult
    pairs: list[PlantedPair]
    screens: list[ScreenPair]
    seconds: float


def harvest(folder: Path, name: str) -> Harvest:
    """Audit one plot and compare. Runs in a process of its own, on one core."""
    torch.set_num_threads(1)
    started, plot = time.perf_counter(), PLOTS[name]
    model, images = (PLANTS | SYMMETRIC)[plot.plant](), to_npz(plot.references.draw(IMAGES), plot.references.columns)
    views = [View.CONCEPTS, View.SYMMETRY] if plot.claims else [View.CONCEPTS]
    config = AuditConfig(taps=None if plot.taps is None else list(plot.taps), views=views)
    result = Laboratory(folder).audit(name, model, images, config)
    found = pairs(name, plot, model, result)
    return Harvest(result, found, screens(name, plot, result), time.perf_counter() - started)


@dataclass
class Plantation:
    """Every plot's audit, two at a time from the moment that they are announced."""

    folder: Path
    futures: dict[str, Future[Any]] = field(default_factory=dict)
    pool: ProcessPoolExecutor = field(
        default_factory=lambda: ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))
    )

    def announce(self, names: Iterable[str]) -> None:
        """Start these plots, in the order of the grid."""
        wanted = set(names)
        for name in PLOTS:
            if name in wanted:
                self.start(name, harvest, self.folder, name)

    def start(self, name: str, work: Callable[..., Any], *arguments: Any) -> None:
        """Run ``work`` beside the plots, unless something of that name was started before."""
        if name not in self.futures:
            self.futures[name] = self.pool.submit(work, *arguments)

    def wait(self, name: str) -> Any:
        """What was started under ``name``."""
        return self.futures[name].result()

    def harvest(self, name: str) -> Harvest:
        """Wait for one plot."""
        self.announce([name])
        found: Harvest = self.wait(name)
        return found

    def audit(self, name: str) -> AuditResult:
        """The audit of one plot."""
        return self.harvest(name).result

    def verdicts(self, name: str) -> dict[str, Verdict]:
        """Verdicts at the logits by feature."""
        return {finding.feature: finding.verdict for finding in self.audit(name).findings if finding.tap == "logits"}

    def finished(self, name: str) -> Any | None:
        """What was started under ``name``, where it ended well."""
        future = self.futures.get(name)
        if future is None or not future.done() or future.cancelled() or future.exception():
            return None
        return future.result()

    def harvested(self) -> dict[str, Harvest]:
        """Every plot that is done, in the order of the grid."""
        return {name: found for name in PLOTS if (found := self.finished(name)) is not None}

    def close(self) -> None:
        """Let what runs end, and start nothing else."""
        self.pool.shutdown(cancel_futures=True)
