"""Which stages a comparison needs: those of both audits that it reads, and two kinds of its own. A pure function.

Each stage of an audit keeps its key under another name, so a finished one is found in the memory of stages; one that
was evicted is fitted again. What only the audit's own report shows (galleries, ``result``) is not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.comparisons import ComparedSubject, ComparisonSubject
from schemas.stages import PlannedStage, Source
from workers.classifier.selection import LOGITS
from workers.stages.plan import Done, Inputs, plan_audit

NUMBERS = "2"
"""Of the stage ``comparison`` alone, in its configuration: outputs made when it measured otherwise are not taken."""
PROBED = ("dataset", "taps", "wide", "codes", "oracles", "concepts", "discovered")
"""Inputs of ``evidence`` that the stage ``probes`` reads, too."""


def plan_comparison(subject: ComparisonSubject, done: Done) -> list[PlannedStage]:
    """Every stage known so far; the comparison is complete when all of them are in ``done``."""
    before = _Planned.of("before", subject.before, done)
    after = _Planned.of("after", subject.after, done)
    stages = [*before.stages, *after.stages]
    if not (before.complete and after.complete):
        return stages
    return _needed([*stages, _comparison(subject, before, after, done)])


@dataclass(frozen=True)
class _Planned:
    """One audit's stages under the names that the comparison gives them. ``complete``: none will be added."""

    name: str
    subject: ComparedSubject
    stages: list[PlannedStage]
    complete: bool

    @classmethod
    def of(cls, name: str, subject: ComparedSubject, done: Done) -> _Planned:
        prefix = f"{name}/"
        known = {stage.removeprefix(prefix): found for stage, found in done.items() if stage.startswith(prefix)}
        # Other classifiers and images from elsewhere are in galleries alone.
        alone = subject.audit.model_copy(update={"against": [], "outside": None})
        stages = plan_audit(alone, known)
        own = [stage for stage in stages if stage.name != "result"]
        complete = len(own) < len(stages)
        own += [_probes(stage) for stage in own if stage.name == "evidence"]
        return cls(name, subject, [_renamed(prefix, subject.audit.name, stage) for stage in own], complete)

    @property
    def taps(self) -> list[str]:
        """Names of its taps."""
        start = f"{self.name}/samples:"
        return [stage.name.removeprefix(start) for stage in self.stages if stage.name.startswith(start)]

    def stage(self, name: str) -> PlannedStage:
        """The stage that the audit calls ``name``."""
        return next(stage for stage in self.stages if stage.name == f"{self.name}/{name}")

    @property
    def inputs(self) -> Inputs:
        """What the comparison reads of this audit: all that drew and judged its pictures at the logits, and more."""
        drawn = dict(self.stage(f"samples:{LOGITS}").inputs)
        wanted = {
            "editor": ("editor", "editor"), "effects": ("effects", "effects"), "evidence": ("evidence", "evidence"),
            "probes": ("probes", "probes"),
            **{f"diagnostics:{tap}": (f"inn:{tap}", "diagnostics") for tap in self.taps},
            **{f"samples:{tap}": (f"samples:{tap}", "samples") for tap in self.taps},
        }  # fmt: skip
        more = {name: Source(stage=f"{self.name}/{stage}", output=output) for name, (stage, output) in wanted.items()}
        inputs: Inputs = {**drawn, **more, "result": self.subject.result}
        return {f"{self.name}/{name}": source for name, source in inputs.items()}

    @property
    def config(self) -> dict[str, Any]:
        """How its own stages read the classifier and the columns."""
        return {**self.stage(f"samples:{LOGITS}").config, "seed": self.subject.audit.config.seed}


def _probes(evidence: PlannedStage) -> PlannedStage:
    """What ``evidence`` reads by probes and does not keep, image by image."""
    inputs = {name: source for name, source in evidence.inputs.items() if name in PROBED}
    return evidence.model_copy(
        update={"name": "probes", "title": "Probing image by image", "inputs": inputs, "weight": 6.0}
    )


def _renamed(prefix: str, audit: str, stage: PlannedStage) -> PlannedStage:
    def moved(source: Any) -> Any:
        return source.model_copy(update={"stage": prefix + source.stage}) if isinstance(source, Source) else source

    return stage.model_copy(
        update={
            "name": prefix + stage.name, "runs": stage.runs or stage.name, "title": f"{audit}: {stage.title.lower()}",
            "inputs": {name: moved(source) for name, source in stage.inputs.items()},
        }
    )  # fmt: skip


def _comparison(subject: ComparisonSubject, before: _Planned, after: _Planned, done: Done) -> PlannedStage:
    timings = [
        {"stage": name, "seconds": found.seconds, "reused": found.reused}
        for name, found in sorted(done.items()) if name != "comparison"
    ]  # fmt: skip
    config = {
        "numbers": NUMBERS, "profile": after.config["profile"], "before": before.config, "after": after.config,
        "timings": timings,
        "comparison": subject.comparison_id, "name": subject.name, "created_at": subject.created_at.isoformat(),
    }  # fmt: skip
    return PlannedStage(
        name="comparison", title="Comparing the audits", inputs={**before.inputs, **after.inputs}, config=config,
        seed=subject.after.audit.config.seed, weight=5,
    )  # fmt: skip


def _needed(stages: list[PlannedStage]) -> list[PlannedStage]:
    """The last of ``stages`` and whatever it takes inputs from, however indirectly."""
    by_name, wanted, open_ones = {stage.name: stage for stage in stages}, set(), [stages[-1].name]
    while open_ones:
        name = open_ones.pop()
        if name not in wanted:
            wanted.add(name)
            open_ones += [source.stage for source in by_name[name].inputs.values() if isinstance(source, Source)]
    return [stage for stage in stages if stage.name in wanted]
