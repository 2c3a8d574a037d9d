"""A toy science for the dispatcher: the audit's name says which stage misbehaves, and how.

``"ok"``, or ``"fit:a sleep"``: stage ``fit:a`` sleeps until it is killed. Other actions: ``sleep-once``, ``crash``,
``crash-once``, ``refuse``, ``fault``, ``transient-once``, ``outage-once``. Each execution leaves a line in ``runs.log``
of the folder, each sleeper a file ``started``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from schemas.autoencoders import Autoencoder
from schemas.classifiers import Classifier
from schemas.comparisons import ComparisonSubject
from schemas.datasets import Dataset
from schemas.ports import BlobStore, ReportProgress
from schemas.problems import ErrorCode
from schemas.stages import AuditSubject, PlannedStage, Source, StageOutcome, StageRequest
from services.dispatch.science import Done, Science
from services.errors import Unavailable
from tests.builders.rows import autoencoder_facts, classifier_facts, dataset_facts
from workers.errors import IntakeError, StageError, TransientError

FOREVER = 120.0


def toy_science(folder: Path) -> Science:
    """Plans that work in ``folder``."""
    return Science(
        partial(plan_audit, folder),
        partial(plan_classifier, folder),
        partial(plan_dataset, folder),
        partial(plan_autoencoder, folder),
        partial(plan_comparison, folder),
        execute,
    )


def plan_audit(folder: Path, subject: AuditSubject, done: Done) -> list[PlannedStage]:
    """``taps``; once that is done ``fit:a`` and ``fit:b`` side by side; then ``result``, too greedy."""
    misbehaves, _, action = subject.name.partition(" ")

    def stage(name: str, inputs: dict[str, str | Source], weight: float = 1.0) -> PlannedStage:
        config = {"folder": str(folder), "action": action if name == misbehaves else ""}
        return PlannedStage(name=name, title=name, inputs=inputs, config=config, weight=weight)

    model = subject.classifier.facts.canonical_digest if subject.classifier.facts else "0" * 64
    stages = [stage("taps", {"model": model})]
    if "taps" in done:
        fits = [f"fit:{tap}" for tap in done["taps"].summary["taps"]]
        stages += [stage(name, {"taps": Source(stage="taps", output="out")}, weight=3.0) for name in fits]
        greedy = stage("result", {name: Source(stage=name, output="out") for name in fits})
        if subject.policy is not None:
            asked = {"policy": subject.policy.name, "baseline": subject.baseline}
            greedy = greedy.model_copy(update={"config": {**greedy.config, **asked}})
        stages.append(greedy.model_copy(update={"cpus": 64.0, "gpus": 0.5}))
    return stages


def plan_classifier(folder: Path, classifier: Classifier) -> list[PlannedStage]:
    """One stage; a classifier named ``refuse`` is refused."""
    config = {"folder": str(folder), "action": "reject" if classifier.name == "refuse" else ""}
    return [PlannedStage(name="intake_classifier", title="intake", inputs={"file": classifier.digest}, config=config)]


def plan_dataset(folder: Path, dataset: Dataset, filename: str) -> list[PlannedStage]:
    """One stage."""
    config = {"folder": str(folder), "action": "", "filename": filename}
    return [PlannedStage(name="intake_dataset", title="intake", inputs={"file": dataset.digest}, config=config)]


def plan_autoencoder(folder: Path, autoencoder: Autoencoder) -> list[PlannedStage]:
    """One stage."""
    inputs = {"encoder": autoencoder.encoder_digest, "decoder": autoencoder.decoder_digest}
    config = {"folder": str(folder), "action": ""}
    return [PlannedStage(name="intake_autoencoder", title="intake", inputs=inputs, config=config)]


def plan_comparison(folder: Path, subject: ComparisonSubject, done: Done) -> list[PlannedStage]:
    """The first stage of both audits, renamed, then ``comparison``; its own name says how that misbehaves."""
    sides = {"before": subject.before, "after": subject.after}
    found = [
        plan_audit(folder, side.audit.model_copy(update={"name": "ok"}), {})[0].model_copy(
            update={"name": f"{name}/taps", "runs": "taps"}
        )
        for name, side in sides.items()
    ]
    misbehaves, _, action = subject.name.partition(" ")
    inputs: dict[str, str | Source] = {stage.name: Source(stage=stage.name, output="out") for stage in found}
    inputs |= {f"{name}/result": side.result for name, side in sides.items()}
    config = {"folder": str(folder), "action": action if misbehaves == "comparison" else ""}
    return [*found, PlannedStage(name="comparison", title="comparison", inputs=inputs, config=config)]


def execute(request: StageRequest, store: BlobStore, report: ReportProgress) -> StageOutcome:
    """Run a toy stage: note that it ran, misbehave if told, store a blob."""
    folder = Path(request.config["folder"])
    with (folder / "runs.log").open("a") as log:
        log.write(request.name + "\n")
    report(0.5, "half way")
    misbehave(request.config["action"], folder)
    digest = store.put(f"{request.name} {request.key}".encode())
    names = ("out", "result", "model", "dataset", "encoder", "decoder", "comparison", "pictures")
    outputs = dict.fromkeys(names, digest)
    told = summary(request.name, digest)
    if "policy" in request.config:  # what came of it is its name, as far as it has the baseline that it needs
        told["gate"] = request.config["policy"] if request.config["baseline"] else "inconclusive"
    return StageOutcome(key=request.key, outputs=outputs, summary=told, seconds=0.25)


def summary(stage: str, digest: str) -> dict[str, Any]:
    """What readers of the outcome look for."""
    if stage == "intake_classifier":
        return {"facts": classifier_facts(digest)}
    if stage == "intake_dataset":
        return {"facts": dataset_facts(digest)}
    if stage == "intake_autoencoder":
        return {"facts": autoencoder_facts(digest)}
    return {"taps": ["a", "b"], "artifacts": {"sheets": {"digest": digest, "media_type": "application/json"}}}


def misbehave(action: str, folder: Path) -> None:
    """Do what the action says."""
    marker = folder / f"{action}.once"
    first = not marker.exists()
    marker.touch()
    if action == "sleep" or (action == "sleep-once" and first):
        (folder / "started").write_text(str(os.getpid()))
        threading.Event().wait(FOREVER)
    elif action == "crash" or (action == "crash-once" and first):
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "transient-once" and first:
        raise TransientError(ErrorCode.RESOURCE_EXHAUSTED, "the GPU was busy")
    elif action == "outage-once" and first:
        raise Unavailable("the bucket is away")
    elif action == "refuse":
        raise StageError(ErrorCode.TRAINING_DIVERGED, "the loss is not finite", "lower the learning rate")
    elif action == "reject":
        raise IntakeError(ErrorCode.MODEL_UNREADABLE, "not an ONNX file", "export it again")
    elif action == "fault":
        raise ZeroDivisionError("secret internals")
