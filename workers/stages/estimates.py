"""Everything that is measured of an audit, with intervals over images, before any verdict is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.results import FeatureSource
from workers.classifier.selection import Tap
from workers.evidence.bootstrap import (
    Interval,
    mean_interval,
    rate_interval,
    ratio_interval,
    retained_interval,
)
from workers.evidence.estimators import retention, total_invariance
from workers.evidence.family import Family, family
from workers.evidence.movement import Movement, movement
from workers.evidence.readability import Readability, read_features
from workers.evidence.retention_states import Tied
from workers.evidence.strata import Stratum, find_strata
from workers.evidence.thresholds import DEFAULT
from workers.oracles import load
from workers.stages.class_names import as_outputs
from workers.stages.completeness import completeness_by_answer, completeness_within
from workers.stages.effect_estimates import EditMeasurement, edit_keys, measure_edit
from workers.stages.effects import CONTROL
from workers.stages.faithfulness import estimate
from workers.stages.features import CODED, AuditedFeature
from workers.stages.intervals import Resampler, Statistician
from workers.stages.network_checks import NetworkChecks, check_network
from workers.stages.oracles import NOTHING
from workers.stages.posed import Mover, Posed
from workers.stages.references import References
from workers.stages.retentions import Readers, Retentions, present, retentions
from workers.stages.stage import Arrays, StageContext
from workers.stages.view_estimates import PoseFreeMeasurements, measure_view, view_measures


@dataclass(frozen=True)
class TapMeasurements:
    """One tap: what probes read, what samples show, what the likelihood says. ``wide``: every unit, ``(n, d)``.

    ``raw``: retentions by its values, ``posefree`` by its invariant view, where it has one. By feature also the
    retention of its ``factor``, and ``movement``.
    """

    wide: NDArray[np.float16]
    raw: Retentions
    posefree: PoseFreeMeasurements | None
    factor: dict[str, Interval]
    movement: dict[str, Movement]
    information: Interval
    invariance: Interval
    network: NetworkChecks

    @property
    def probed(self) -> list[Readability]:
        """Everything that a probe read here, from raw values and from the view."""
        posefree = [] if self.posefree is None else [self.posefree.by, self.posefree.turned]
        return [reading for one in (self.raw, *posefree) for reading in one.readable.values()]

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
    """The whole audit. ``completeness_within``: that of each value with enough images, by feature that has few values;
    ``completeness_by_answer``: that of each answer of the classifier.

    ``ceilings`` and ``from_codes`` are retentions by feature, ``quality`` that of oracles; 0..1.

    ``strata``: the ties of each feature that has any, and ``strata_from_codes`` what the codes show within them.
    ``family``: how many bounds verdicts rest on, and the level of each.
    """

    taps: dict[str, TapMeasurements]
    effects: dict[str, list[EditMeasurement]]
    completeness: Interval
    completeness_within: dict[str, dict[str, Interval]]
    completeness_by_answer: dict[str, Interval]
    ceilings: dict[str, float]
    from_codes: dict[str, float]
    quality: dict[str, float]
    strata: dict[str, Stratum]
    strata_from_codes: dict[str, float]
    family: Family
    accuracy: dict[str, object] | None

    def tied(self, feature: str, tap: str) -> Tied | None:
        """What the references tie ``feature`` to, and what ``tap`` holds of it within strata."""
        if feature not in self.strata:
            return None
        stratum = self.strata[feature]
        shown = self.strata_from_codes.get(feature, float("nan")) >= DEFAULT.strata_readable
        names = tuple(tie.name for tie in stratum.ties)
        return Tied(names, stratum.separable() and shown, self.taps[tap].raw.stratified.get(feature))


def measure(
    context: StageContext, references: References, features: list[AuditedFeature], taps: list[Tap]
) -> Measurements:
    """All estimates of the audit from what the earlier stages left."""
    latents, changed = context.arrays("latents"), context.arrays("effects")
    rows, agrees = changed["rows"], changed["reconstruction_agrees"]
    keys = {feature.name: edit_keys(feature, changed) for feature in features}
    whole = family(sum(map(len, keys.values())), len(features), len(taps), view_measures(context))
    weights = Resampler(context.rng("bootstrap"), context.budget.bootstrap)
    by = Statistician(weights, whole)
    columns = [feature.column for feature in features]
    strata = find_strata(columns, context.rng("strata"), ties_allowed(features))
    from_codes = read_features(context.arrays("codes")["means"], columns, context.rng("codes"), strata)
    within = {name: r.stratified.retained for name, r in from_codes.items() if r.stratified is not None}
    readers = Readers(
        {feature.name: _ceiling(changed, feature) for feature in features}, oracle_quality(context, features), strata,
        within,
    )  # fmt: skip
    context.report(0.1, "features read from the codes")
    posed = Mover(context, references.images, features, by)
    measured: dict[str, TapMeasurements] = {}
    for i, tap in enumerate(taps):
        measured[tap.name] = _tap(context, features, tap, latents, readers, by, posed)
        context.report(0.1 + 0.5 * (i + 1) / len(taps), f"{tap.name} probed")
    return Measurements(
        taps=measured,
        effects={name: [measure_edit(changed, *key, by) for key in edits] for name, edits in keys.items()},
        completeness=rate_interval(agrees, weights(len(agrees))),
        completeness_within={f.name: completeness_within(f, rows, agrees) for f in features},
        completeness_by_answer=completeness_by_answer(
            latents, rows, agrees, context.config["outputs"], context.config["output_kind"] == "sigmoid"
        ),
        ceilings=readers.ceilings,
        from_codes={name: reading.shares.retained for name, reading in from_codes.items()},
        quality=readers.quality,
        strata=strata,
        strata_from_codes=within,
        family=whole,
        accuracy=_accuracy(context, latents["probabilities"], references.labels, weights),
    )


def ties_allowed(features: list[AuditedFeature]) -> dict[str, list[str]]:
    """Which features may be tied to which: columns to columns only, whatever was read from the image to anything.

    A measured statistic is computed from the picture that the columns made (a watermark adds to the size of what is
    bright): to hold such a consequence fixed would leave nothing of its cause.
    """
    columns = [feature.name for feature in features if feature.source == FeatureSource.ATTRIBUTE]
    named = [feature.name for feature in features if feature.source not in CODED]
    given = {FeatureSource.ATTRIBUTE, FeatureSource.CONCEPT}
    return {feature.name: columns if feature.source in given else named for feature in features}


def oracle_quality(context: StageContext, features: list[AuditedFeature]) -> dict[str, float]:
    """How well each feature can be read from images: 1 where it is measured, else its oracle's held-out share."""
    stored = context.blob("oracles")
    learned = {} if stored == NOTHING else load(stored).quality
    return {f.name: learned[f.name] if f.learned else 1.0 for f in features}


def _tap(
    context: StageContext, features: list[AuditedFeature], tap: Tap, latents: Arrays, readers: Readers,
    by: Statistician, posed: Posed,
) -> TapMeasurements:  # fmt: skip
    z, wide = latents[f"z:{tap.name}"], context.arrays("wide")[tap.name]
    drawn, diagnosed = context.arrays(f"samples:{tap.name}"), context.arrays(f"inn:{tap.name}")
    prior = context.arrays("prior")
    columns = [feature.column for feature in features]
    readable = read_features(wide, columns, context.rng("probes", tap.name), readers.strata)
    names = [feature.name for feature in features]
    information = prior["nll"] - diagnosed["nll"]
    invariance = total_invariance(diagnosed["draws"], diagnosed["codes"])
    weights = by.weights
    raw = retentions(names, readable, drawn, readers, by)
    return TapMeasurements(
        wide=wide,
        raw=raw,
        posefree=measure_view(context, tap.name, columns, raw, readers, by, posed),
        factor=present({name: _factor(drawn, name, weights) for name in names}),
        movement=present({f.name: _movement(drawn, f, weights) for f in features}),
        information=mean_interval(information, weights(len(information))),
        invariance=ratio_interval(invariance, weights(len(invariance.part))),
        network=check_network(diagnosed, z, context.rng("independence", tap.name), weights),
    )


def _factor(drawn: Arrays, name: str, weights: Resampler) -> Interval | None:
    """Share of a concept's factor that ``z`` explains (paper 4): of its variance over all draws, as for readings.

    Over the references' variance instead it falls far below 0 wherever the network draws wider than they lie.
    """
    if f"factor:{name}" not in drawn:
        return None
    shares = retention(drawn[f"factor:{name}"])
    return retained_interval(shares, weights(len(shares.part)))


def _ceiling(changed: Arrays, feature: AuditedFeature) -> float:
    """Generative retention of the whole code: draws that differ by the autoencoder's posterior noise alone."""
    readings = changed[f"ceiling:{feature.name}"]
    if np.isfinite(readings).all(axis=(1, 2)).sum() < DEFAULT.fewest_images:
        return float("nan")
    return retention(readings).retained


def _movement(drawn: Arrays, feature: AuditedFeature, weights: Resampler) -> Movement | None:
    reference = feature.encoding.encode(feature.column.values[drawn["rows"]])
    agrees = drawn["agrees"].astype(bool)
    if np.isfinite(reference).all(axis=1).sum() < DEFAULT.fewest_images:
        return None
    return movement(drawn[f"reading:{feature.name}"], agrees, reference, weights(len(agrees)))


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
