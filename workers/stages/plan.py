"""Which stages an audit needs, given what is already known. A pure function: the taps appear once they are chosen."""

from __future__ import annotations

from typing import Any

from schemas.classifiers import Classifier
from schemas.datasets import Dataset
from schemas.scalars import Sha256
from schemas.stages import AuditSubject, PlannedStage, Source, StageOutcome

Inputs = dict[str, Sha256 | Source]
Done = dict[str, StageOutcome]


def plan_classifier_intake(classifier: Classifier) -> list[PlannedStage]:
    """The single stage that reads an uploaded model in its sandbox."""
    return [
        PlannedStage(
            name="intake_classifier",
            title="Checking the model in a sandbox",
            inputs={"upload": classifier.digest},
            config={"input": classifier.input.model_dump(mode="json"), "classes": classifier.classes},
        )
    ]


def plan_dataset_intake(dataset: Dataset, filename: str) -> list[PlannedStage]:
    """The single stage that reads an uploaded dataset in its sandbox."""
    declared = {name: spec.model_dump(mode="json") for name, spec in dataset.attributes.items()}
    return [
        PlannedStage(
            name="intake_dataset",
            title="Checking the images in a sandbox",
            inputs={"upload": dataset.digest},
            config={"filename": filename, "attributes": declared},
        )
    ]


def plan_audit(subject: AuditSubject, done: Done) -> list[PlannedStage]:
    """Every stage known so far; the audit is complete when all of them are in ``done``.

    Stages that depend on the dataset alone carry nothing of the classifier in their key, so every later audit of the
    same dataset finds them finished.
    """
    base = _Planner(subject)
    first = [base.taps(), base.latents(), base.autoencoder(), base.oracles(), base.editor(), base.prior()]
    if "taps" not in done:
        return first
    taps: list[str] = done["taps"].summary["taps"]
    per_tap = [stage for tap in taps for stage in (base.inn(tap), base.samples(tap))]
    return [*first, *per_tap, base.vae(), base.nuisance(), base.effects(), base.evidence(taps), base.result(taps, done)]


def _of(stage: str, *outputs: str) -> Inputs:
    return {output: Source(stage=stage, output=output) for output in outputs}


KEPT = {
    "autoencoder": "model",
    "oracles": "model",
    "editor": "editor",
    "inn": "inn",
    "vae": "vae",
    "evidence": "evidence",
}
"""Outputs that an auditor may want years later: every fitted network, and the evidence."""


def _history(done: Done) -> dict[str, Any]:
    """What the result says of the stages before it: their times, and where their networks lie."""
    before = {name: outcome for name, outcome in done.items() if name != "result"}
    kept = {name: outcome.outputs[KEPT[name.partition(":")[0]]] for name, outcome in before.items()
            if name.partition(":")[0] in KEPT}  # fmt: skip
    timings = [
        {"stage": name, "seconds": outcome.seconds, "reused": outcome.reused} for name, outcome in before.items()
    ]
    return {"timings": sorted(timings, key=lambda timing: str(timing["stage"])), "artifacts": kept}


class _Planner:
    """Writes the stages of one audit; the fields of a config are exactly what changes that stage's numbers."""

    def __init__(self, subject: AuditSubject) -> None:
        if subject.classifier.facts is None or subject.dataset.facts is None:
            raise ValueError("an audit is planned after intake: the classifier and the dataset must be ready")
        self.subject = subject
        self.seed = subject.config.seed
        self.profile: dict[str, Any] = {"profile": subject.config.profile.value}
        self.model: Inputs = {"classifier": subject.classifier.facts.canonical_digest}
        self.data: Inputs = {"dataset": subject.dataset.facts.canonical_digest}
        self.spec: dict[str, Any] = {
            "facts": subject.classifier.facts.model_dump(mode="json"),
            "input": subject.classifier.input.model_dump(mode="json"),
        }
        self.outputs: dict[str, Any] = {"outputs": subject.classifier.classes}
        self.columns: dict[str, Any] = {
            "attributes": [a.model_dump(mode="json") for a in subject.dataset.facts.attributes],
            "notes": subject.dataset.facts.notes,
            "classes": subject.dataset.facts.classes,
        }

    def _stage(
        self, name: str, title: str, inputs: Inputs, weight: float, cpus: float = 1.0, **config: Any
    ) -> PlannedStage:
        gpus = 0.25 if name.partition(":")[0] in {"autoencoder", "oracles", "editor", "prior", "inn", "vae"} else 0.0
        return PlannedStage(
            name=name, title=title, inputs=inputs, config={**self.profile, **config}, seed=self.seed, weight=weight,
            cpus=cpus, gpus=gpus,
        )  # fmt: skip

    def taps(self) -> PlannedStage:
        named = self.subject.config.taps
        return self._stage(
            "taps", "Finding the cuts of the graph", {**self.model, **self.data}, 1, **self.spec, taps=named
        )

    def latents(self) -> PlannedStage:
        inputs = {**self.model, **self.data, **_of("taps", "taps")}
        return self._stage("latents", "Reading the representations", inputs, 2, **self.spec)

    def autoencoder(self) -> PlannedStage:
        return self._stage("autoencoder", "Learning the images", self.data, 35, cpus=2.0)

    def oracles(self) -> PlannedStage:
        return self._stage("oracles", "Learning to read the attributes", self.data, 12, **self.columns)

    def editor(self) -> PlannedStage:
        inputs = {**self.data, **_of("autoencoder", "codes")}
        return self._stage("editor", "Learning to edit the attributes", inputs, 12, **self.columns)

    def prior(self) -> PlannedStage:
        return self._stage("prior", "Learning the density of the codes", _of("autoencoder", "codes"), 12)

    def inn(self, tap: str) -> PlannedStage:
        inputs = {**_of("autoencoder", "codes"), **_of("latents", "latents")}
        return self._stage(f"inn:{tap}", f"Fitting the invertible network at {tap}", inputs, 14, tap=tap)

    def vae(self) -> PlannedStage:
        inputs = {**_of("autoencoder", "codes"), **_of("latents", "latents")}
        return self._stage("vae", "Fitting the supervised VAE", inputs, 10)

    def _decoding(self) -> Inputs:
        return {
            **self.model, **self.data, **_of("taps", "taps"), **_of("latents", "latents"),
            "autoencoder": Source(stage="autoencoder", output="model"), **_of("autoencoder", "codes"),
            "oracles": Source(stage="oracles", output="model"),
        }  # fmt: skip

    def samples(self, tap: str) -> PlannedStage:
        inputs = {**self._decoding(), **_of(f"inn:{tap}", "inn")}
        config = {**self.spec, **self.columns, **self.outputs, "tap": tap}
        return self._stage(f"samples:{tap}", f"Sampling what {tap} cannot tell apart", inputs, 5, **config)

    def nuisance(self) -> PlannedStage:
        inputs = {**self._decoding(), **_of("vae", "vae")}
        return self._stage(
            "nuisance", "Sampling what the VAE calls nuisance", inputs, 3, **self.spec, **self.columns, **self.outputs
        )

    def effects(self) -> PlannedStage:
        inputs = {**self._decoding(), **_of("editor", "editor")}
        return self._stage("effects", "Changing one feature at a time", inputs, 10, **self.spec, **self.columns)

    def evidence(self, taps: list[str]) -> PlannedStage:
        inputs: Inputs = {
            **self.data, **_of("taps", "taps"), **_of("latents", "latents", "wide"), **_of("autoencoder", "codes"),
            **_of("effects", "effects"), **_of("prior", "prior"), "vae": Source(stage="vae", output="diagnostics"),
            "nuisance": Source(stage="nuisance", output="samples"),
            "oracles": Source(stage="oracles", output="model"),
            **{f"inn:{tap}": Source(stage=f"inn:{tap}", output="diagnostics") for tap in taps},
            **{f"samples:{tap}": Source(stage=f"samples:{tap}", output="samples") for tap in taps},
        }  # fmt: skip
        return self._stage("evidence", "Weighing the evidence", inputs, 8, **self.columns, **self.outputs)

    def result(self, taps: list[str], done: Done) -> PlannedStage:
        sheets = {f"sheet:{tap}": Source(stage=f"samples:{tap}", output="sheet") for tap in taps}
        nuisance = Source(stage="nuisance", output="sheet")
        inputs: Inputs = {**_of("evidence", "evidence"), **_of("effects", "edits"), "nuisance": nuisance, **sheets}
        subject = self.subject.model_dump(mode="json", exclude={"attempt"})
        return self._stage("result", "Writing the result", inputs, 1, subject=subject, taps=taps, **_history(done))
