"""Runs the product's own stage chain in this process; every stage is run once per key, as the service does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.audits import AuditConfig
from schemas.classifiers import ClassifierFacts
from schemas.datasets import AttributeSpec, DatasetFacts
from schemas.results import AuditResult, FeatureKind, Verdict
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders.planted_classifiers import PLANTS
from tests.builders.planted_scenes import draw, to_npz
from tests.builders.planted_truths import Row, rows
from tests.builders.subjects import WHEN, MemoryStore, classifier, dataset
from workers.stages.plan import plan_audit, plan_classifier_intake, plan_dataset_intake
from workers.stages.registry import run_request

Done = dict[str, StageOutcome]


@dataclass(frozen=True)
class Plot:
    """Which classifier on which scenes.

    ``place``: it looks at some places of the picture only; ``blind``: at what the autoencoder loses.
    """

    plant: str
    tied: bool = False
    place: bool = False
    blind: bool = False


PLOTS: dict[str, Plot] = {
    "shape": Plot("shape", place=True),
    "hue": Plot("hue"),
    "xor": Plot("xor", place=True),
    "encoded": Plot("encoded", place=True),
    "constant": Plot("constant"),
    "whisper": Plot("whisper"),
    "faint": Plot("faint", place=True, blind=True),
    "confounded": Plot("shape", tied=True, place=True),
}
IMAGES = 3_000


@dataclass
class Laboratory:
    """A store and what was computed so far: the stages that depend on the dataset alone run once per dataset."""

    store: MemoryStore = field(default_factory=MemoryStore)
    finished: dict[str, StageOutcome] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def audit(self, name: str, model: bytes, images: bytes, *, seed: int = 0) -> AuditResult:
        """Intake and the whole audit of an ``.onnx`` file on an ``.npz`` file; returns what a user would get."""
        started = time.perf_counter()
        subject = self._subject(name, model, images, seed)
        done = self._run(lambda finished: plan_audit(subject, finished))
        self.seconds[name] = time.perf_counter() - started
        return AuditResult.model_validate_json(self.store.get(done["result"].outputs["result"]))

    def _subject(self, name: str, model: bytes, images: bytes, seed: int) -> AuditSubject:
        guest = classifier(None, self.store.put(model), name)
        hue = {"hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}
        data = dataset(None, self.store.put(images)).model_copy(update={"attributes": hue})
        read = self._run(lambda _: [*plan_classifier_intake(guest), *plan_dataset_intake(data, "scenes.npz")])
        facts = {stage: outcome.summary["facts"] for stage, outcome in read.items()}
        return AuditSubject(
            audit_id="aud_" + "0" * 16, name=name, created_at=WHEN, attempt=1,
            config=AuditConfig(profile="quick", seed=seed),
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
            if request.key not in self.finished:
                self.finished[request.key] = run_request(request, self.store, lambda share, note: None)
            done[stage.name] = self.finished[request.key]
        return done


@dataclass
class Plantation:
    """Every plot's audit, run when it is first asked for, and its verdicts beside the truth."""

    laboratory: Laboratory
    rows: list[Row] = field(default_factory=list)
    results: dict[str, AuditResult] = field(default_factory=dict)

    def audit(self, name: str) -> AuditResult:
        """The audit of one plot."""
        if name not in self.results:
            plot = PLOTS[name]
            model, scenes = PLANTS[plot.plant](), draw(IMAGES, seed=7 + plot.tied, tied=plot.tied)
            self.results[name] = self.laboratory.audit(name, model, to_npz(scenes))
            found = self.results[name]
            self.rows += rows(name, model, scenes, found, place=plot.place, tied=plot.tied, blind=plot.blind)
        return self.results[name]

    def verdicts(self, name: str) -> dict[str, Verdict]:
        """Verdicts at the logits by feature."""
        return {finding.feature: finding.verdict for finding in self.audit(name).findings if finding.tap == "logits"}
