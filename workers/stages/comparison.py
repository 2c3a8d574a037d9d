"""Stage ``comparison``: what changed between two audits of the same images (decision 0013).

Inputs are those of both audits, called ``before/…`` and ``after/…``; nothing is fitted here and no number of either
audit changes.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

from schemas import __version__
from schemas.comparisons import (
    Change,
    ComparedAudit,
    ComparisonResult,
    Difference,
    FeatureChange,
    TapChange,
)
from schemas.results import Estimate, Simultaneity
from schemas.stages import STAGE_CODE_VERSION
from workers.evidence import verdicts as evidence
from workers.evidence.bootstrap import Interval
from workers.evidence.changes import EditDifference, judge_change
from workers.evidence.differences import Paired, family_of_differences, least_differences
from workers.stages.comparing.answers import Answers, compare_answers
from workers.stages.comparing.effects import Method, common_edits, edit_differences
from workers.stages.comparing.objections import objections_to, verdict_of
from workers.stages.comparing.pictures import comparison_pictures
from workers.stages.comparing.representations import doubts, retention_of, sample_deviation_of, total_invariance_of
from workers.stages.comparing.sides import Side, Sides, open_sides
from workers.stages.comparing.words import limits_of
from workers.stages.faithfulness import estimate
from workers.stages.intervals import Resampler, Statistician
from workers.stages.result import LIBRARIES, library_version
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.pictures import finite

METHOD = (
    "Bonferroni over two effect quantities per edit, a retention per feature and tap, and two invariances per tap; each"
    " a difference over the same images"
)


@dataclass(frozen=True)
class Measured:
    """Everything that is the same at every tap."""

    sides: Sides
    by: Statistician
    edits: dict[str, list[EditDifference]]


def run(context: StageContext) -> Produced:
    """``comparison``: a :class:`schemas.comparisons.ComparisonResult`; ``pictures``: its pictures; both JSON.

    Raises:
        StageError: the audits are not of the same images, or a classifier cannot be opened.
    """
    sides = open_sides(context)
    by = _statistician(context, sides)
    edits = {name: edit_differences(sides, name, by) for name in sides.features}
    context.report(0.3, "edits paired")
    found = Measured(sides, by, edits)
    changes = [_change(found, feature, tap) for feature in sides.features for tap in sides.taps]
    taps = [_tap(found, tap) for tap in sides.taps]
    context.report(0.7, "differences measured")
    result = _result(context, found, compare_answers(sides), changes, taps)
    pictures = comparison_pictures(context, sides, _most_changed(changes))
    outputs = {"comparison": result.model_dump(mode="json"), "pictures": pictures.model_dump(mode="json")}
    return Produced({name: pack_json(value) for name, value in outputs.items()})


def _statistician(context: StageContext, sides: Sides) -> Statistician:
    """One family over all that is compared; as many resamples as the greater of the two audits had."""
    edits = sum(len(common_edits(sides, name)) for name in sides.features)
    resamples = max(side.context.budget.bootstrap for side in sides)
    family = family_of_differences(edits, len(sides.features), len(sides.taps))
    return Statistician(Resampler(context.rng("bootstrap"), resamples), family)


def _change(found: Measured, feature: str, tap: str) -> FeatureChange:
    sides, edits = found.sides, found.edits[feature]
    before, after = (verdict_of(side, feature, tap) for side in sides)
    judged = judge_change(
        evidence.Verdict(before.value), evidence.Verdict(after.value), edits, objections_to(sides, feature, tap)
    )
    deciding = judged.deciding
    return FeatureChange(
        feature=feature, tap=tap, change=Change(judged.change.value), before=before, after=after,
        edit=None if deciding is None else deciding.method,
        flip_rate=None if deciding is None else _difference(deciding.flips),
        total_variation=None if deciding is None else _difference(deciding.variation),
        retention=_difference(retention_of(sides, feature, tap, found.by)), reasons=judged.reasons,
    )  # fmt: skip


def _tap(found: Measured, tap: str) -> TapChange:
    failed_before, failed_after = (doubts(side, tap) for side in found.sides)
    return TapChange(
        tap=tap, failed_before=failed_before, failed_after=failed_after,
        total_invariance=_difference(total_invariance_of(found.sides, tap, found.by)),
        sample_deviation=_difference(sample_deviation_of(found.sides, tap, found.by)),
    )  # fmt: skip


def _difference(paired: Paired | None) -> Difference | None:
    """As the contract has it; ``None`` where a number is missing."""
    if paired is None:
        return None
    before, after, difference = (_known(each) for each in (paired.before, paired.after, paired.difference))
    if before is None or after is None or difference is None:
        return None
    return Difference(before=before, after=after, difference=difference)


def _known(interval: Interval) -> Estimate | None:
    return finite(estimate(interval))


def _most_changed(changes: list[FeatureChange]) -> dict[str, Method]:
    """Features in the order of how far their flips moved, those that changed first; each with the edit that says so."""
    moved = [one for one in changes if one.tap == "logits" and one.flip_rate is not None]
    still = {Change.SAME, Change.UNDECIDED}
    order = sorted(moved, key=lambda one: (one.change in still, -abs(_flips(one))))
    return {one.feature: one.edit for one in order if one.edit is not None}


def _flips(change: FeatureChange) -> float:
    return 0.0 if change.flip_rate is None else change.flip_rate.difference.value


def _result(
    context: StageContext, found: Measured, answers: Answers, changes: list[FeatureChange], taps: list[TapChange]
) -> ComparisonResult:  # fmt: skip
    sides, family, config = found.sides, found.by.family, context.config
    only_before, only_after = (_only(sides, side) for side in sides)
    return ComparisonResult(
        comparison=config["comparison"], name=config["name"], created_at=config["created_at"],
        before=_compared(sides.before), after=_compared(sides.after), dataset=sides.after.result.dataset,
        images=answers.images, agreement=None if answers.agreement is None else estimate(answers.agreement),
        accuracy=_difference(answers.accuracy), changes=changes, taps=taps, only_before=only_before,
        only_after=only_after, thresholds=least_differences(), timings=config["timings"],
        simultaneity=Simultaneity(
            level=family.level, comparisons=family.comparisons, each=family.each, method=METHOD
        ),
        versions=_versions(), limits=limits_of(sides, answers),
    )  # fmt: skip


def _only(sides: Sides, side: Side) -> list[str]:
    """Features and taps that the other audit lacks, or that are another thing there."""
    taps = [f"tap {name}" for name in side.taps if name not in sides.taps]
    return [*(name for name in side.features if name not in sides.features), *taps]


def _compared(side: Side) -> ComparedAudit:
    told = side.result.audit
    return ComparedAudit(
        audit=told.id, name=told.name, result_digest=side.context.request.inputs["result"],
        finished_at=told.finished_at, seed=told.seed, profile=told.profile, classifier=side.result.classifier,
        refitted=side.refitted,
    )  # fmt: skip


def _versions() -> dict[str, Any]:
    libraries = {name: library_version(name) for name in LIBRARIES}
    return {"scotoma": __version__, "stages": STAGE_CODE_VERSION, "python": platform.python_version(), **libraries}
