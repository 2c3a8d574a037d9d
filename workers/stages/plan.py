"""Which stages an audit needs, given what is already known. A pure function: the taps appear once they are chosen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from schemas.audits import Profile, View
from schemas.autoencoders import Autoencoder
from schemas.certificate import mark
from schemas.classifiers import Classifier
from schemas.datasets import Dataset
from schemas.scalars import Sha256
from schemas.stages import AuditSubject, PlannedStage, Source, StageOutcome
from workers.classifier.selection import LOGITS
from workers.evidence.thresholds import DEFAULT
from workers.stages.profiles import DEFAULT_VIEWS, budget_for
from workers.symmetry.thresholds import DEFAULT as OF_SYMMETRY

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


def plan_autoencoder_intake(autoencoder: Autoencoder) -> list[PlannedStage]:
    """The single stage that reads an uploaded encoder and decoder in their sandbox."""
    return [
        PlannedStage(
            name="intake_autoencoder",
            title="Checking the encoder and the decoder in a sandbox",
            inputs={"encoder": autoencoder.encoder_digest, "decoder": autoencoder.decoder_digest},
            config={"value_range": list(autoencoder.value_range)},
        )
    ]


def plan_audit(subject: AuditSubject, done: Done) -> list[PlannedStage]:
    """Every stage known so far; the audit is complete when all of them are in ``done``.

    Stages that depend on the dataset alone carry nothing of the classifier in their key, so every later audit of the
    same dataset finds them finished.
    """
    planner = _Planner(subject)
    first = [*planner.dataset_stages(), *planner.companion_starts()]
    if "taps" not in done:
        return first
    taps: list[str] = done["taps"].summary["taps"]
    fits = [*first, *planner.screen(), *(planner.inn(tap) for tap in taps), planner.vae(), planner.effects()]
    if planner.symmetric and "symmetry" not in done:
        return fits
    planner.viewed = done["symmetry"].summary["views"] if planner.symmetric else []
    samples = [*(planner.samples(tap) for tap in taps), planner.nuisance()]
    views = planner.view_stages(taps)
    return [
        *fits, *planner.invariant_stages(), *samples, *planner.concept_screens(), *views, planner.evidence(taps),
        planner.result(taps, [view.name for view in views], done),
    ]  # fmt: skip


def _of(stage: str, *outputs: str) -> Inputs:
    return {output: Source(stage=stage, output=output) for output in outputs}


KEPT = {
    "autoencoder": "model",
    "oracles": "model",
    "editor": "editor",
    "concepts": "concepts",
    "prior": "flow",
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
    """Writes the stages of one audit; the fields of a config are exactly what changes that stage's numbers.

    Among them the numbers of the budget, and the thresholds where a stage reads them: a release that changes one of
    them finds no outputs that were made under another.
    """

    def __init__(self, subject: AuditSubject) -> None:
        if subject.classifier.facts is None or subject.dataset.facts is None:
            raise ValueError("an audit is planned after intake: the classifier and the dataset must be ready")
        self.subject = subject
        self.seed = subject.config.seed
        profile = subject.config.profile.value
        self.profile: dict[str, Any] = {"profile": profile, "budget": asdict(budget_for(profile))}
        self.judging: dict[str, Any] = {"thresholds": asdict(DEFAULT)}
        self.model: Inputs = {"classifier": subject.classifier.facts.canonical_digest}
        self.data: Inputs = {"dataset": subject.dataset.facts.canonical_digest}
        self.spec = _spec(subject.classifier)
        self.outputs: dict[str, Any] = {"outputs": subject.classifier.classes}
        self.columns: dict[str, Any] = {
            "attributes": [a.model_dump(mode="json") for a in subject.dataset.facts.attributes],
            "concepts": [c.model_dump(mode="json") for c in subject.dataset.facts.concepts],
            "notes": subject.dataset.facts.notes,
            "classes": subject.dataset.facts.classes,
        }
        if subject.dataset.facts.graph is not None:
            self.columns["graph"] = subject.dataset.facts.graph.model_dump(mode="json")
        self.views = planned_views(subject)
        self.symmetric = View.SYMMETRY in self.views and subject.config.symmetries != []
        self.viewed: list[str] = []
        """Taps that have an invariant view; known once the symmetry screen is done."""

    def dataset_stages(self) -> list[PlannedStage]:
        """What needs no tap: all but the first two depend on the dataset alone."""
        stages = [self.taps(), self.latents(), self.autoencoder(), self.oracles(), self.editor(), self.prior()]
        return [*stages, *(self._concepts() if View.CONCEPTS in self.views else []),
                *(self._discovered() if View.DISCOVERED in self.views else [])]  # fmt: skip

    def screen(self) -> list[PlannedStage]:
        """How symmetric each tap is; what follows from it appears once this is known."""
        if not self.symmetric:
            return []
        declared = self.subject.config.symmetries
        groups = None if declared is None else [group.value for group in declared]
        inputs = {**self.model, **self.data, **_of("taps", "taps")}
        config = {**self.spec, **self.outputs, "groups": groups, "symmetry_thresholds": asdict(OF_SYMMETRY)}
        return [self._stage("symmetry", "Testing for symmetry", inputs, 2, **config)]

    def invariant_stages(self) -> list[PlannedStage]:
        """The invariant views of taps; where the audit goes deep also what an invertible network makes of them."""
        if not self.viewed:
            return []
        inputs = {**self.model, **self.data, **_of("taps", "taps"), **_of("symmetry", "symmetry")}
        read = self._stage("invariant", "Reading the representations without their pose", inputs, 2, **self.spec)
        return [read, *(stage for tap in self.viewed if self.deep for stage in self._invariant_fits(tap))]

    @property
    def deep(self) -> bool:
        """Whether invariant views get networks of their own: where a group was declared, or beyond quick."""
        return bool(self.subject.config.symmetries) or self.subject.config.profile is not Profile.QUICK

    def _invariant_fits(self, tap: str) -> list[PlannedStage]:
        """The INN conditioned on the invariant view of ``tap``, and its samples."""
        name, latents = f"inn@invariant:{tap}", {"latents": Source(stage="invariant", output="latents")}
        told = {**_of("autoencoder", "codes"), **latents}
        title = f"Fitting the invertible network at {tap} without its pose"
        fitted = self._stage(name, title, told, 14, runs=f"inn:{tap}", tap=tap)
        inputs = {
            **self._decoding(), **latents, **_of(name, "inn", "diagnostics"), **_of("symmetry", "symmetry"),
            **_of("invariant", "projection"),
        }  # fmt: skip
        sampled = self._stage(
            f"samples@invariant:{tap}", f"Sampling what {tap} cannot tell apart but for its pose", inputs, 5,
            runs=f"samples:{tap}", **self._drawing, tap=tap, view="invariant",
        )  # fmt: skip
        return [fitted, sampled]

    def concept_screens(self) -> list[PlannedStage]:
        """Scores that need no training, beside those of the same graph with random weights."""
        return [self.untrained(), self.scores()] if View.CONCEPTS in self.views else []

    def view_stages(self, taps: list[str]) -> list[PlannedStage]:
        """One stage per gallery that was asked for, each with an output ``galleries``."""
        made = {
            View.CONCEPTS: self.factors, View.MIXING: lambda: self.mixing(taps), View.ATTACK: lambda: self.attack(taps),
            View.TRAVERSALS: self.traversals, View.ATTRIBUTION: self.attribution,
        }  # fmt: skip
        stages = [make() for view, make in made.items() if view in self.views]
        if View.CONCEPTS in self.views:
            stages.append(self.response())
        if self.viewed:
            stages.append(self.geometry())
        if self.subject.outside is not None and not of_graphs(self.subject):
            stages.append(self.outside(self.subject.outside, taps))
        return [*stages, *self._companions()]

    def _stage(
        self, name: str, title: str, inputs: Inputs, weight: float, cpus: float = 1.0, runs: str | None = None,
        **config: Any,
    ) -> PlannedStage:  # fmt: skip
        fitted = {"autoencoder", "oracles", "editor", "prior", "concepts", "inn", "vae", "response"}
        return PlannedStage(
            name=name, title=title, inputs=inputs, config={**self.profile, **config}, seed=self.seed, weight=weight,
            cpus=cpus, gpus=0.25 if (runs or name).partition(":")[0] in fitted else 0.0, runs=runs,
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
        own = self.subject.autoencoder
        if own is None or own.facts is None or of_graphs(self.subject):
            title = "Learning the graphs" if of_graphs(self.subject) else "Learning the images"
            return self._stage("autoencoder", title, self.data, 35, cpus=2.0)
        inputs: Inputs = {**self.data, "encoder": own.facts.encoder_digest, "decoder": own.facts.decoder_digest}
        facts = {"facts": own.facts.model_dump(mode="json"), "value_range": list(own.value_range)}
        return self._stage("autoencoder", "Reading the images with your autoencoder", inputs, 5, own=facts)

    def oracles(self) -> PlannedStage:
        return self._stage("oracles", "Learning to read the attributes", self.data, 12, **self.columns)

    def editor(self) -> PlannedStage:
        inputs = {**self.data, **_of("autoencoder", "codes")}
        return self._stage("editor", "Learning to edit the attributes", inputs, 12, **self.columns)

    def prior(self) -> PlannedStage:
        return self._stage("prior", "Learning the density of the codes", _of("autoencoder", "codes"), 12)

    def _concepts(self) -> list[PlannedStage]:
        inputs = {**self._images(), **self.data}
        return [self._stage("concepts", "Learning one factor per concept", inputs, 12, **self.columns)]

    def _discovered(self) -> list[PlannedStage]:
        inputs = {**self._images(), **self.data, **_of("prior", "flow")}
        return [self._stage("discovered", "Looking for factors without a name", inputs, 3, **self.columns)]

    def inn(self, tap: str) -> PlannedStage:
        inputs = {**_of("autoencoder", "codes"), **_of("latents", "latents")}
        return self._stage(f"inn:{tap}", f"Fitting the invertible network at {tap}", inputs, 14, tap=tap)

    def vae(self) -> PlannedStage:
        inputs = {**_of("autoencoder", "codes"), **_of("latents", "latents")}
        return self._stage("vae", "Fitting the supervised VAE", inputs, 10)

    def _images(self) -> Inputs:
        return {"autoencoder": Source(stage="autoencoder", output="model"), **_of("autoencoder", "codes")}

    def _factors(self) -> Inputs:
        """Networks that name factors of the codes: inputs ``concepts`` and ``discovered``, where they are fitted."""
        concepts = _of("concepts", "concepts") if View.CONCEPTS in self.views else {}
        return {**concepts, **(_of("discovered", "discovered") if View.DISCOVERED in self.views else {})}

    def _decoding(self) -> Inputs:
        return {
            **self.model, **self.data, **_of("taps", "taps"), **_of("latents", "latents"), **self._images(),
            "oracles": Source(stage="oracles", output="model"), **self._factors(),
        }  # fmt: skip

    @property
    def _drawing(self) -> dict[str, Any]:
        return {**self.spec, **self.columns, **self.outputs}

    def samples(self, tap: str) -> PlannedStage:
        inputs = {**self._decoding(), **_of(f"inn:{tap}", "inn", "diagnostics")}
        if tap in self.viewed:
            inputs |= _of("symmetry", "symmetry")
        title = f"Sampling what {tap} cannot tell apart"
        return self._stage(f"samples:{tap}", title, inputs, 5, **self._drawing, tap=tap)

    def nuisance(self) -> PlannedStage:
        inputs = {**self._decoding(), **_of("vae", "vae")}
        return self._stage("nuisance", "Sampling what the VAE calls nuisance", inputs, 3, **self._drawing)

    def effects(self) -> PlannedStage:
        config = {**self.spec, **self.columns, **self.judging}
        inputs = {**self._decoding(), **_of("editor", "editor")}
        return self._stage("effects", "Changing one feature at a time", inputs, 10, **config)

    def untrained(self) -> PlannedStage:
        inputs = {**self.model, **self.data, **_of("taps", "taps")}
        return self._stage("untrained", "Reading the same graph with random weights", inputs, 2, **self.spec)

    def scores(self) -> PlannedStage:
        inputs = {
            **self.data, **_of("taps", "taps"), **_of("latents", "wide"), **_of("autoencoder", "codes"),
            **_of("concepts", "pairs"), "untrained": Source(stage="untrained", output="wide"),
            **self._posefree(),
        }  # fmt: skip
        if self.viewed:
            inputs |= self.model
        config = {**self.spec, **self.columns} if self.viewed else self.columns
        return self._stage("scores", "Scoring concepts tap by tap", inputs, 2, **config)

    def factors(self) -> PlannedStage:
        return self._stage("factors", "Walking along the factors", self._decoding(), 3, **self._drawing)

    def response(self) -> PlannedStage:
        inputs = {
            **self.model, **self.data, **_of("taps", "taps"), **_of("latents", "latents", "compression"),
            **_of("concepts", "pairs"),
        }  # fmt: skip
        return self._stage("response", "Changing concepts inside the classifier", inputs, 6, **self._drawing)

    def _posefree(self) -> Inputs:
        """Invariant views of the taps, where there are any: ``symmetry`` and ``invariant``, every unit by tap."""
        if not self.viewed:
            return {}
        return {**_of("symmetry", "symmetry"), "invariant": Source(stage="invariant", output="wide")}

    def geometry(self) -> PlannedStage:
        inputs = {
            **self.model, **self.data, **_of("taps", "taps"), **_of("symmetry", "symmetry"),
            **_of("invariant", "projection"),
        }  # fmt: skip
        config = {**self._drawing, **self.judging}
        return self._stage("geometry", "Comparing codes with and without their pose", inputs, 3, **config)

    def mixing(self, taps: list[str]) -> PlannedStage:
        inputs = {**self._decoding(), **_networks(taps)}
        return self._stage("mixing", "Mixing images", inputs, 2, **self._drawing, taps=taps)

    def attack(self, taps: list[str]) -> PlannedStage:
        inputs = {**self._decoding(), **_of("latents", "compression"), **_networks(taps)}
        return self._stage("attack", "Attacking a few images", inputs, 4, **self._drawing, taps=taps)

    def traversals(self) -> PlannedStage:
        inputs = {**self._decoding(), **_of("vae", "vae")}
        return self._stage("traversals", "Walking along the supervised VAE", inputs, 3, **self._drawing)

    def attribution(self) -> PlannedStage:
        inputs = {**self._decoding(), **_of("vae", "vae"), **_of("inn:logits", "inn")}
        return self._stage("attribution", "Asking which pixels matter", inputs, 4, **self._drawing)

    def outside(self, images: Dataset, taps: list[str]) -> PlannedStage:
        if images.facts is None:
            raise ValueError("an audit is planned after intake: the dataset from elsewhere must be ready")
        inputs = {**self._decoding(), **_networks(taps), **_of("prior", "prior", "flow")}
        inputs |= _of("latents", "compression")
        inputs["outside"] = images.facts.canonical_digest
        return self._stage(
            "outside", "Showing images from elsewhere", inputs, 3, **self._drawing, taps=taps, outside_name=images.name
        )

    def companion_starts(self) -> list[PlannedStage]:
        """The other classifiers' own stages, under the keys that their own audits of this dataset would use."""
        return [stage for i, other in enumerate(self.subject.against, 1) for stage in self._companion(i, other)]

    def _companion(self, i: int, other: Classifier) -> list[PlannedStage]:
        """Taps, latents, network and samples at the logits of the ``i``-th other classifier."""
        config = self.subject.config.model_copy(update={"taps": None})  # taps are named for the audited graph alone
        alone = {"classifier": other, "config": config, "against": [], "outside": None}
        guest = _Planner(self.subject.model_copy(update=alone))
        own = [guest.taps(), guest.latents(), guest.inn(LOGITS), guest.samples(LOGITS)]
        renamed = {stage.name: f"{stage.name}@{i}" for stage in own}
        return [
            stage.model_copy(
                update={
                    "name": renamed[stage.name], "runs": stage.name, "title": f"{other.name}: {stage.title.lower()}",
                    "inputs": {name: _moved(source, renamed) for name, source in stage.inputs.items()},
                }
            )
            for stage in own
        ]  # fmt: skip

    def _companions(self) -> list[PlannedStage]:
        if not self.subject.against:
            return []
        inputs: Inputs = {**self._decoding(), **_of("latents", "wide"), **_beside("", "0")}
        for i in range(1, len(self.subject.against) + 1):
            inputs |= {f"classifier@{i}": _digest(self.subject.against[i - 1]), **_beside(f"@{i}", str(i))}
        others = [{"name": other.name, "id": other.id, **_spec(other), "outputs": other.classes}
                  for other in self.subject.against]  # fmt: skip
        named = self.subject.classifier.name
        title = "Comparing classifiers"
        config = {**self._drawing, **self.judging, "against": others, "audited": named}
        return [self._stage("companions", title, inputs, 3, **config)]

    def evidence(self, taps: list[str]) -> PlannedStage:
        inputs: Inputs = {
            **self.data, **_of("taps", "taps"), **_of("latents", "latents", "wide"), **_of("autoencoder", "codes"),
            **_of("effects", "effects"), **_of("prior", "prior"), "vae": Source(stage="vae", output="diagnostics"),
            "nuisance": Source(stage="nuisance", output="samples"), **self._factors(),
            "oracles": Source(stage="oracles", output="model"),
            **{f"inn:{tap}": Source(stage=f"inn:{tap}", output="diagnostics") for tap in taps},
            **{f"samples:{tap}": Source(stage=f"samples:{tap}", output="samples") for tap in taps},
        }  # fmt: skip
        inputs |= self._posefree() if self.viewed else (_of("symmetry", "symmetry") if self.symmetric else {})
        if self.viewed:
            inputs |= _of("invariant", "turned")
        if self.deep:
            for tap in self.viewed:
                inputs[f"invariant:{tap}"] = Source(stage=f"samples@invariant:{tap}", output="samples")
                inputs[f"inn@invariant:{tap}"] = Source(stage=f"inn@invariant:{tap}", output="diagnostics")
        if View.CONCEPTS in self.views:
            inputs |= {**_of("scores", "scores"), "untrained": Source(stage="untrained", output="wide")}
        config = {**self.columns, **self.outputs, **self.judging, "output_kind": self.spec["facts"]["output_kind"]}
        return self._stage("evidence", "Weighing the evidence", inputs, 8, **config)

    def result(self, taps: list[str], views: list[str], done: Done) -> PlannedStage:
        sheets = {f"sheet:{tap}": Source(stage=f"samples:{tap}", output="sheet") for tap in taps}
        screened = ["symmetry"] if self.symmetric else []
        posefree = [f"samples@invariant:{tap}" for tap in self.viewed if self.deep]
        shown = [*screened, *views, *(f"samples:{tap}" for tap in taps), *posefree, "nuisance"]
        galleries = {f"galleries:{stage}": Source(stage=stage, output="galleries") for stage in shown}
        nuisance = Source(stage="nuisance", output="sheet")
        inputs: Inputs = {
            **_of("evidence", "evidence"), **_of("effects", "edits"), "nuisance": nuisance, **sheets, **galleries,
        }  # fmt: skip
        if self.subject.policy is not None and self.subject.baseline is not None:
            inputs["baseline"] = self.subject.baseline
        return self._stage(
            "result", "Writing the result", inputs, 1, subject=_as_config(self.subject), taps=taps, galleries=shown,
            certificate=_certificate(), **_history(done),
        )  # fmt: skip


def _as_config(subject: AuditSubject) -> dict[str, Any]:
    """What decides the words of a result; without a policy as before there were any, so that keys stay the same."""
    unasked = {"policy", "baseline"} if subject.policy is None else set()
    return subject.model_dump(mode="json", exclude={"attempt", *unasked})


def _certificate() -> dict[str, Any] | None:
    """What this release was checked with; in the key, so that a new certificate reaches results of finished stages."""
    released = mark()
    return None if released is None else released.model_dump(mode="json")


OF_PIXELS = frozenset({View.ATTACK, View.ATTRIBUTION})
"""Views that change or ask about single pixels: a graph has none."""


def of_graphs(subject: AuditSubject) -> bool:
    """Whether the references are graphs."""
    return subject.dataset.facts is not None and subject.dataset.facts.kind == "graphs"


def planned_views(subject: AuditSubject) -> frozenset[View]:
    """The views that were asked for, or what the profile brings; factors are discovered where no concept is named.

    Without those that graphs do not have: they look at pixels.
    """
    config, facts = subject.config, subject.dataset.facts
    asked = DEFAULT_VIEWS[config.profile] if config.views is None else frozenset(config.views)
    if of_graphs(subject):
        asked -= OF_PIXELS
    named = facts is not None and bool(facts.attributes or facts.concepts or facts.labelled)
    if View.CONCEPTS in asked and not named:
        return asked - {View.CONCEPTS} | {View.DISCOVERED}
    return asked


def _spec(classifier: Classifier) -> dict[str, Any]:
    if classifier.facts is None:
        raise ValueError("an audit is planned after intake: every classifier must be ready")
    return {"facts": classifier.facts.model_dump(mode="json"), "input": classifier.input.model_dump(mode="json")}


def _digest(classifier: Classifier) -> Sha256:
    if classifier.facts is None:
        raise ValueError("an audit is planned after intake: every classifier must be ready")
    return classifier.facts.canonical_digest


def _networks(taps: list[str]) -> Inputs:
    return {f"inn:{tap}": Source(stage=f"inn:{tap}", output="inn") for tap in taps}


def _beside(suffix: str, key: str) -> Inputs:
    """What a comparison needs of the classifier whose stages end with ``suffix``."""
    return {
        f"latents@{key}": Source(stage=f"latents{suffix}", output="latents"),
        f"wide@{key}": Source(stage=f"latents{suffix}", output="wide"),
        f"inn@{key}": Source(stage=f"inn:{LOGITS}{suffix}", output="inn"),
        f"diagnostics@{key}": Source(stage=f"inn:{LOGITS}{suffix}", output="diagnostics"),
        f"samples@{key}": Source(stage=f"samples:{LOGITS}{suffix}", output="samples"),
    }


def _moved(source: Sha256 | Source, renamed: dict[str, str]) -> Sha256 | Source:
    if isinstance(source, str):
        return source
    return source.model_copy(update={"stage": renamed.get(source.stage, source.stage)})
