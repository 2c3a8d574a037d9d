"""Everything that is measured of an audit, with intervals over images, before any verdict is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.classifier.selection import Tap
from workers.evidence.bootstrap import (
    Interval,
    calibrate_interval,
    mean_interval,
    rate_interval,
    ratio_interval,
    resampling_weights,
    retained_interval,
)
from workers.evidence.effects import Changes, EffectEstimate, effect
from workers.evidence.estimators import retention, total_invariance
from workers.evidence.independence import Independence, independence
from workers.evidence.movement import Movement, movement
from workers.evidence.readability import Readability, read_features
from workers.oracles import load
from workers.stages.class_names import as_outputs
from workers.stages.effects import CONTROL
from workers.stages.faithfulness import estimate
from workers.stages.features import AuditedFeature
from workers.stages.oracles import NOTHING
from workers.stages.references import References
from workers.stages.stage import Arrays, StageContext

Value = TypeVar("Value")
FEWEST_IMAGES = 30
"""Images that must have a statistic in every draw before its generative retention is spoken of."""


@dataclass(frozen=True)
class TapMeasurements:
    """One tap: what probes read, what samples show, what the likelihood says. ``wide``: every unit, ``(n, d)``."""

    wide: NDArray[np.float16]
    readable: dict[str, Readability]
    generative: dict[str, Interval]
    predictive: dict[str, Interval]
    movement: dict[str, Movement]
    gain: Interval
    information: Interval
    invariance: Interval
    independence: Independence
    round_trip: float

    @property
    def information_estimate(self) -> dict[str, object]:
        """``information`` as JSON."""
        return estimate(self.information).model_dump(mode="json")

    @property
    def invariance_estimate(self) -> dict[str, object]:
        """``total_invariance`` as JSON."""
        return estimate(self.invariance).model_dump(mode="json")


@dataclass(frozen=True)
class Measurements:
    """The whole audit. ``ceilings`` and ``from_codes`` are retentions by feature, ``quality`` that of oracles; 0..1."""

    taps: dict[str, TapMeasurements]
    effects: dict[str, EffectEstimate]
    completeness: Interval
    ceilings: dict[str, float]
    from_codes: dict[str, float]
    quality: dict[str, float]
    accuracy: dict[str, object] | None


@dataclass
class Resampler:
    """Bootstrap weights by number of images: one matrix serves every estimate over the same images."""

    rng: np.random.Generator
    resamples: int
    made: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def __call__(self, n: int) -> NDArray[np.float32]:
        """Weights ``(resamples, n)``."""
        if n not in self.made:
            self.made[n] = resampling_weights(n, self.resamples, self.rng)
        return self.made[n]


def measure(
    context: StageContext, references: References, features: list[AuditedFeature], taps: list[Tap]
) -> Measurements:
    """All estimates of the audit from what the earlier stages left."""
    weights = Resampler(context.rng("bootstrap"), context.budget.bootstrap)
    latents, changed = context.arrays("latents"), context.arrays("effects")
    quality = oracle_quality(context, features)
    codes = context.arrays("codes")
    columns = [feature.column for feature in features]
    from_codes = read_features(codes["means"], columns, context.rng("codes"))
    ceilings = {feature.name: _ceiling(changed, feature) for feature in features}
    context.report(0.1, "features read from the codes")
    measured: dict[str, TapMeasurements] = {}
    for i, tap in enumerate(taps):
        measured[tap.name] = _tap(context, features, tap, latents, ceilings, quality, weights)
        context.report(0.1 + 0.5 * (i + 1) / len(taps), f"{tap.name} probed")
    return Measurements(
        taps=measured,
        effects=_present({f.name: _effect(changed, f, weights) for f in features}),
        completeness=rate_interval(changed["reconstruction_agrees"], weights(len(changed["reconstruction_agrees"]))),
        ceilings=ceilings,
        from_codes={name: reading.shares.retained for name, reading in from_codes.items()},
        quality=quality,
        accuracy=_accuracy(context, latents["probabilities"], references.labels, weights),
    )


def oracle_quality(context: StageContext, features: list[AuditedFeature]) -> dict[str, float]:
    """How well each feature can be read from images: 1 where it is measured, else its oracle's held-out share."""
    stored = context.blob("oracles")
    learned = {} if stored == NOTHING else load(stored).quality
    return {feature.name: 1.0 if feature.statistic else learned[feature.name] for feature in features}


def _tap(
    context: StageContext, features: list[AuditedFeature], tap: Tap, latents: Arrays, ceilings: dict[str, float],
    quality: dict[str, float], weights: Resampler,
) -> TapMeasurements:  # fmt: skip
    z, wide = latents[f"z:{tap.name}"], context.arrays("wide")[tap.name]
    drawn, diagnosed = context.arrays(f"samples:{tap.name}"), context.arrays(f"inn:{tap.name}")
    prior = context.arrays("prior")
    readable = read_features(wide, [feature.column for feature in features], context.rng("probes", tap.name))
    gain = diagnosed["nll_linear_gaussian"] - diagnosed["nll"]
    information = prior["nll"] - diagnosed["nll"]
    invariance = total_invariance(diagnosed["draws"], diagnosed["codes"])
    return TapMeasurements(
        wide=wide,
        readable=readable,
        generative=_present({f.name: _generative(drawn, f, ceilings[f.name], weights) for f in features}),
        predictive=_present({f.name: _predictive(readable.get(f.name), quality[f.name], weights) for f in features}),
        movement=_present({f.name: _movement(drawn, f, weights) for f in features}),
        gain=mean_interval(gain, weights(len(gain))),
        information=mean_interval(information, weights(len(information))),
        invariance=ratio_interval(invariance, weights(len(invariance.part))),
        independence=independence(diagnosed["v"], z[diagnosed["rows"]], context.rng("independence", tap.name)),
        round_trip=float(diagnosed["round_trip"].max()),
    )


def _generative(drawn: Arrays, feature: AuditedFeature, ceiling: float, weights: Resampler) -> Interval | None:
    """Retention from samples that share ``z``; its floor is 0 because the estimator is unbiased."""
    readings = drawn[f"reading:{feature.name}"]
    if np.isfinite(readings).all(axis=(1, 2)).sum() < FEWEST_IMAGES:
        return None
    shares = retention(readings)
    return calibrate_interval(retained_interval(shares, weights(len(shares.part))), 0.0, ceiling)


def _predictive(reading: Readability | None, ceiling: float, weights: Resampler) -> Interval | None:
    if reading is None:
        return None
    raw = retained_interval(reading.shares, weights(len(reading.shares.part)))
    return calibrate_interval(raw, max(reading.floor.retained, 0.0), ceiling)


def _ceiling(changed: Arrays, feature: AuditedFeature) -> float:
    """Generative retention of the whole code: draws that differ by the autoencoder's posterior noise alone."""
    readings = changed[f"ceiling:{feature.name}"]
    if np.isfinite(readings).all(axis=(1, 2)).sum() < FEWEST_IMAGES:
        return float("nan")
    return retention(readings).retained


def _movement(drawn: Arrays, feature: AuditedFeature, weights: Resampler) -> Movement | None:
    reference = feature.encoding.encode(feature.column.values[drawn["rows"]])
    agrees = drawn["agrees"].astype(bool)
    if np.isfinite(reference).all(axis=1).sum() < FEWEST_IMAGES:
        return None
    return movement(drawn[f"reading:{feature.name}"], agrees, reference, weights(len(agrees)))


def _effect(changed: Arrays, feature: AuditedFeature, weights: Resampler) -> EffectEstimate | None:
    """``None`` where the feature cannot be edited, or no image has an edit that was confirmed."""
    name = feature.name
    if f"flips:{name}" not in changed or not np.isfinite(changed[f"flips:{name}"]).any():
        return None
    edit = Changes(changed[f"flips:{name}"], changed[f"variation:{name}"])
    floor = Changes(changed[f"floor_flips:{name}"], changed[f"floor_variation:{name}"])
    return effect(edit, floor, weights(len(edit.flips)), confirmed=float(changed[f"confirmed:{name}"][0]))


def _accuracy(
    context: StageContext, probabilities: NDArray[np.float32], labels: NDArray[np.int64] | None, weights: Resampler
) -> dict[str, object] | None:
    """Share of answers that equal the label. ``None`` where it cannot be known which output stands for which label."""
    meant = None if labels is None else as_outputs(labels, context.config["classes"], context.config["outputs"])
    if meant is None or meant.max() >= probabilities.shape[1]:
        return None
    right = (probabilities.argmax(axis=1) == meant).astype(np.float64)
    return estimate(rate_interval(right, weights(len(right)))).model_dump(mode="json")


def constant_changes(changed: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Flips and variation of the control classifier, ``(n,)`` each; empty where no feature could be edited."""
    empty = np.zeros(0)
    return changed.get(f"flips:{CONTROL}", empty), changed.get(f"variation:{CONTROL}", empty)


def _present(found: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in found.items() if value is not None}
