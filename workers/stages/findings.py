"""Verdicts: one per feature and tap."""

from __future__ import annotations

import math

import numpy as np

from schemas.results import Effect, Estimate, Finding, Retention, Verdict
from workers.classifier.selection import Tap
from workers.evidence.bootstrap import Interval
from workers.evidence.effect_states import EffectEvidence
from workers.evidence.gates import GateResult
from workers.evidence.poses import act_of, pose_of
from workers.evidence.retention_states import InvariantEvidence, Tied
from workers.evidence.thresholds import DEFAULT
from workers.evidence.verdicts import Evidence, decide
from workers.stages.code_edits import ConditionalEdit, FactorEdit
from workers.stages.edits import TransformEdit
from workers.stages.effect_estimates import EditMeasurement
from workers.stages.estimates import Measurements, TapMeasurements
from workers.stages.faithfulness import estimate
from workers.stages.features import AuditedFeature
from workers.stages.gates import gates_of
from workers.stages.view_estimates import PoseFreeMeasurements

METHODS = {"exact": TransformEdit.method, "generated": ConditionalEdit.method, "factor": FactorEdit.method}


def findings(
    features: list[AuditedFeature], taps: list[Tap], found: Measurements, gates: list[GateResult]
) -> list[Finding]:
    """Every finding, by feature, then by depth."""
    return [
        _finding(feature, tap.name, found, gates_of(gates, feature.name, tap.name))
        for feature in features
        for tap in taps
    ]


def _finding(feature: AuditedFeature, tap: str, found: Measurements, gates: list[GateResult]) -> Finding:
    measured, edits = found.taps[tap], found.effects[feature.name]
    raw, view = measured.raw, measured.posefree
    decision = decide(evidence_of(measured, feature.name, edits, found.tied(feature.name, tap)), gates)
    effects = [_effect(one) for one in edits] or [Effect()]
    verdict = Verdict(decision.verdict.value)
    return Finding(
        feature=feature.name,
        tap=tap,
        verdict=verdict,
        retention=Retention(
            generative=_estimate(raw.generative.get(feature.name)),
            predictive=_estimate(raw.predictive.get(feature.name)),
            stratified=_estimate(raw.stratified.get(feature.name)),
            factor=_estimate(measured.factor.get(feature.name)),
            invariant=None if view is None else _estimate(view.by.predictive.get(feature.name)),
            invariant_generative=None if view is None else _estimate(view.by.generative.get(feature.name)),
        ),
        effect=effects[0],
        other_effects=effects[1:],
        pose_only=decision.pose_only,
        reasons=[
            *decision.reasons,
            *_misaligned(measured, feature.name),
            *_invisible(edits, verdict, found.completeness),
            *_power(edits, verdict),
            *_moved(measured, feature.name),
            *_range(feature),
        ],
    )


def evidence_of(measured: TapMeasurements, feature: str, edits: list[EditMeasurement], tied: Tied | None) -> Evidence:
    """What a verdict rests on: everything that was measured of ``feature``, by its joint bounds."""
    return Evidence(
        generative=_jointly(measured.raw.generative.get(feature)),
        predictive=_jointly(measured.raw.predictive.get(feature)),
        effects=tuple(_effect_evidence(one) for one in edits),
        tied=None if tied is None else tied.within(_jointly(tied.stratified)),
        view=None if measured.posefree is None else _view_evidence(measured.posefree, feature),
    )


def _view_evidence(found: PoseFreeMeasurements, feature: str) -> InvariantEvidence:
    return InvariantEvidence(
        group=found.view.group.value, lossless=found.view.lossless, follows=found.follows,
        predictive=_jointly(found.by.predictive.get(feature)), generative=_jointly(found.by.generative.get(feature)),
        stratified=_jointly(found.by.stratified.get(feature)), turned=_jointly(found.turned.predictive.get(feature)),
        turned_stratified=_jointly(found.turned.stratified.get(feature)), posed=_jointly(found.posed.get(feature)),
    )  # fmt: skip


def _effect_evidence(edit: EditMeasurement) -> EffectEvidence:
    found = edit.estimate
    return EffectEvidence(
        method=edit.method,
        flip_rate=found.flip_rate.jointly,
        total_variation=found.total_variation.jointly,
        floor=_jointly(found.floor),
        confirmation=edit.confirmed,
        clean_flip_rate=_jointly(found.clean_flip_rate),
        clean_variation=_jointly(found.clean_variation),
        floor_variation=_jointly(found.floor_variation),
        group=edit.group,
    )


def _effect(edit: EditMeasurement) -> Effect:
    found = edit.estimate
    return Effect(
        flip_rate=_estimate(found.flip_rate), total_variation=_estimate(found.total_variation),
        floor=_estimate(found.floor), logit_change=_estimate(edit.logit_change), method=_method(edit),
        hits=edit.hits, confirmed=edit.confirmed, reached=edit.reached, collateral=edit.collateral,
        detectable=edit.detectable, alone=edit.alone,
    )  # fmt: skip


def _method(edit: EditMeasurement) -> str:
    return METHODS[edit.method] if edit.group is None else act_of(edit.group)


def _power(edits: list[EditMeasurement], verdict: Verdict) -> list[str]:
    """What the sample could have missed, where it showed no effect."""
    believed = [one for one in edits if one.alone and (one.confirmed or 0) >= DEFAULT.confirmation]
    if verdict not in {Verdict.IGNORED, Verdict.ENCODED_UNUSED, Verdict.UNDETERMINED} or not believed:
        return []
    best = min(believed, key=lambda one: one.detectable)
    return [
        f"With {_telling(best):,} edited references an effect on {best.detectable:.1%} of answers or more would"
        f" have been shown with {DEFAULT.power:.0%} power; smaller ones could have been missed."
    ]


def _telling(edit: EditMeasurement) -> int:
    """Images that can show an effect: those with an edit that moved nothing else, where somebody looked."""
    return (edit.estimate.clean_flip_rate or edit.estimate.flip_rate).n


def _invisible(edits: list[EditMeasurement], verdict: Verdict, completeness: Interval) -> list[str]:
    """What edits of the code cannot deny: they start from the autoencoder's picture, without what it lost."""
    if verdict not in {Verdict.IGNORED, Verdict.ENCODED_UNUSED} or any(one.method == "exact" for one in edits):
        return []
    return [
        f"The classifier answers {1 - completeness.value:.1%} of the references differently once the autoencoder has"
        " redrawn them: whatever it looks at there is invisible to edits of the code."
    ]


def _moved(measured: TapMeasurements, feature: str) -> list[str]:
    """Invariance samples move many features at once: they are shown, and decide nothing (decision 0003)."""
    found = measured.movement.get(feature)
    if found is None or math.isnan(found.spread.value):
        return []
    share, kept = found.spread, found.agreement
    return [
        f"Among invariance samples that kept the answer ({kept.value:.0%} of them) it moves over {share.value:.0%}"
        f" ({max(share.low, 0):.0%} to {share.high:.0%}) of its reference variance."
    ]


def _misaligned(measured: TapMeasurements, feature: str) -> list[str]:
    """Where a probe reads more without the pose: no contradiction, one thing has many raw codes (papers.md 5.3)."""
    if not misaligned(measured, feature) or measured.posefree is None:
        return []
    raw, without = measured.raw.predictive[feature], measured.posefree.by.predictive[feature]
    pose = pose_of(measured.posefree.view.group.value)
    return [
        f"Misaligned codes hide a part of it: a probe reads {_share(raw)} of it from the raw values, and"
        f" {_share(without)} once the pose ({pose}) is divided out."
    ]


def _share(interval: Interval) -> str:
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def misaligned(measured: TapMeasurements, feature: str) -> bool:
    """Whether a probe of the invariant view reads more of ``feature`` than one of the raw values, beyond intervals."""
    without = None if measured.posefree is None else measured.posefree.by.predictive.get(feature)
    raw = measured.raw.predictive.get(feature)
    return raw is not None and without is not None and without.low > raw.high


def _range(feature: AuditedFeature) -> list[str]:
    """Over which values the feature was tested: a verdict says nothing of those that the references do not hold."""
    if feature.column.kind != "numeric":
        return []
    low, high = np.nanquantile(feature.column.values, [0.05, 0.95])
    return [f"Tested over its range in these references: {low:.3g} to {high:.3g} (5th to 95th percentile)."]


def _jointly(interval: Interval | None) -> Interval | None:
    return None if interval is None else interval.jointly


def _estimate(interval: Interval | None) -> Estimate | None:
    if interval is None or math.isnan(interval.value):
        return None
    return estimate(interval)
