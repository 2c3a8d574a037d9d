"""Verdicts: one per feature and tap."""

from __future__ import annotations

import math

import numpy as np

from schemas.results import Effect, Estimate, Finding, Retention, Verdict
from workers.classifier.selection import Tap
from workers.evidence.bootstrap import Interval
from workers.evidence.effects import EffectEstimate
from workers.evidence.gates import GateResult
from workers.evidence.verdicts import EffectEvidence, Evidence, MovementEvidence, decide
from workers.stages.estimates import Measurements, TapMeasurements
from workers.stages.faithfulness import estimate
from workers.stages.features import AuditedFeature
from workers.stages.gates import gates_of


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
    measured, effect = found.taps[tap], found.effects.get(feature.name)
    decision = decide(_evidence(feature, measured, effect), gates)
    return Finding(
        feature=feature.name,
        tap=tap,
        verdict=Verdict(decision.verdict.value),
        retention=Retention(
            generative=_estimate(measured.generative.get(feature.name)),
            predictive=_estimate(measured.predictive.get(feature.name)),
        ),
        effect=Effect() if effect is None else Effect(
            flip_rate=_estimate(effect.flip_rate), total_variation=_estimate(effect.total_variation),
            floor=_estimate(effect.floor),
        ),
        reasons=[*decision.reasons, *_moved(measured, feature.name), *_range(feature)],
    )  # fmt: skip


def _evidence(feature: AuditedFeature, measured: TapMeasurements, effect: EffectEstimate | None) -> Evidence:
    moved = measured.movement.get(feature.name)
    return Evidence(
        generative=measured.generative.get(feature.name),
        predictive=measured.predictive.get(feature.name),
        effects=() if effect is None else (_effect(feature, effect),),
        movement=MovementEvidence(moved.spread, moved.agreement, None) if moved else None,
    )


def _effect(feature: AuditedFeature, effect: EffectEstimate) -> EffectEvidence:
    return EffectEvidence(
        method="exact" if feature.statistic else "generated",
        flip_rate=effect.flip_rate,
        total_variation=effect.total_variation,
        floor=effect.floor,
        confirmation=effect.confirmed,
    )


def _moved(measured: TapMeasurements, feature: str) -> list[str]:
    found = measured.movement.get(feature)
    if found is None or math.isnan(found.spread.value):
        return []
    share, kept = found.spread, found.agreement
    return [
        f"Among invariance samples that kept the answer ({kept.value:.0%} of them) it moves over {share.value:.0%}"
        f" ({max(share.low, 0):.0%} to {share.high:.0%}) of its reference variance."
    ]


def _range(feature: AuditedFeature) -> list[str]:
    """Over which values the feature was tested: a verdict says nothing of those that the references do not hold."""
    if feature.column.kind != "numeric":
        return []
    low, high = np.nanquantile(feature.column.values, [0.05, 0.95])
    return [f"Tested over its range in these references: {low:.3g} to {high:.3g} (5th to 95th percentile)."]


def _estimate(interval: Interval | None) -> Estimate | None:
    if interval is None or math.isnan(interval.value):
        return None
    return estimate(interval)
