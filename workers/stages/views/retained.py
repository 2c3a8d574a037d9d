"""What reaches the logits of one classifier, feature by feature: by a probe, and by its own samples (papers.md M1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schemas.results import Estimate, Measure
from workers.evidence.bootstrap import calibrate_interval, resampling_weights, retained_interval
from workers.evidence.estimators import Shares, retention
from workers.evidence.readability import read_features
from workers.stages.decoding import Studio
from workers.stages.estimates import oracle_quality
from workers.stages.faithfulness import estimate
from workers.stages.stage import StageContext
from workers.stages.views.beside import Compared
from workers.stages.views.pictures import measured

FEWEST = 30
"""Images that must have a feature in every draw before its generative retention is spoken of."""

PROBED = 5_000
"""References that the probe is cross-fitted on, at most."""

CEILED, REDRAWS = 400, 2
"""Images, and posterior draws of each, that show how much of a feature the autoencoder itself loses."""


@dataclass(frozen=True)
class Retained:
    """Calibrated retention at the logits by feature, 0..1, where it could be estimated."""

    predictive: dict[str, Estimate]
    generative: dict[str, Estimate]

    def measures(self, key: int, classifier: str) -> list[Measure]:
        """For ``result.json``, named by feature and the classifier's number."""
        kinds = {"predictive": ("read by a probe", self.predictive), "generative": ("by drawn images", self.generative)}
        return [
            measured(f"{kind}:{feature}@{key}", f"{classifier}: {feature} kept at the output, {words}", found)
            for kind, (words, retained) in kinds.items()
            for feature, found in retained.items()
        ]


def retained_by(context: StageContext, studio: Studio, one: Compared) -> Retained:
    """Both retentions of every audited feature; the same images, folds and resamples for every classifier."""
    return Retained(_predictive(context, studio, one), _generative(context, studio, one))


def _predictive(context: StageContext, studio: Studio, one: Compared) -> dict[str, Estimate]:
    columns = [replace(f.column, values=f.column.values[:PROBED]) for f in studio.features]
    read = read_features(one.wide[:PROBED], columns, context.rng("probes"))
    quality = oracle_quality(context, studio.features)
    found = {
        name: _calibrated(context, reading.shares, max(reading.floor.retained, 0.0), quality[name])
        for name, reading in read.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _generative(context: StageContext, studio: Studio, one: Compared) -> dict[str, Estimate]:
    """From the readings of samples that share the logits; the ceiling is what survives the autoencoder."""
    drawn = {f.name: one.samples[f"reading:{f.name}"] for f in studio.features if f"reading:{f.name}" in one.samples}
    again = _redrawn(context, studio, np.asarray(one.samples["rows"][:CEILED], dtype=np.int64))
    found = {
        name: _calibrated(context, retention(readings), 0.0, retention(again[name]).retained)
        for name, readings in drawn.items()
        if min(_complete(readings), _complete(again[name])) >= FEWEST
    }
    return {name: value for name, value in found.items() if value is not None}


def _redrawn(context: StageContext, studio: Studio, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Readings of posterior draws of references ``rows``, ``(n, REDRAWS, width)`` by feature."""
    draws = [studio.reader.encoded(studio.redraw(rows, context.generator("ceiling", i))) for i in range(REDRAWS)]
    return {name: np.stack([draw[name] for draw in draws], axis=1) for name in draws[0]}


def _complete(readings: NDArray[np.float64]) -> int:
    return int(np.isfinite(readings).all(axis=(1, 2)).sum())


def _calibrated(context: StageContext, shares: Shares, floor: float, ceiling: float) -> Estimate | None:
    weights = resampling_weights(len(shares.part), context.budget.bootstrap, context.rng("bootstrap"))
    found = calibrate_interval(retained_interval(shares, weights), floor, ceiling)
    return None if found is None else estimate(found)
