"""What a dimension is about: the feature that a walk along it moves most, and how well the feature tells it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.results import Estimate
from workers.evidence.bootstrap import mean_interval, retained_interval
from workers.evidence.estimators import Shares
from workers.stages.decoding import Studio
from workers.stages.faithfulness import estimate
from workers.stages.features import AuditedFeature
from workers.stages.views.walks import Bench
from workers.vae import Traversal

FEWEST = 5


@dataclass(frozen=True)
class Moved:
    """A feature, and its mean squared movement over that between two random references (1: as far as another image)."""

    feature: str
    distance: Estimate


def most_moved(
    studio: Studio, start: NDArray[np.uint8], end: NDArray[np.uint8], weights: NDArray[np.float32]
) -> Moved | None:  # fmt: skip
    """The feature that differs most between the two ends of a walk ``(n, h, w, c)``; ``None`` if none can be read."""
    before, after = studio.reader.encoded(start), studio.reader.encoded(end)
    found = []
    for feature in studio.features:
        gap = np.square(after[feature.name] - before[feature.name]).sum(axis=1)
        apart = 2 * float(np.nanvar(_encoded(feature), axis=0).sum())
        known = np.isfinite(gap)
        if known.sum() >= FEWEST and apart > 0:
            distance = mean_interval(gap[known] / apart, _over(weights, known))
            found.append(Moved(feature.name, estimate(distance)))
    return max(found, key=lambda moved: moved.distance.value, default=None)


def tracked(bench: Bench, traversal: Traversal, name: str) -> Estimate | None:
    """Share of the dimension's variance over the references that is a linear function of the feature (R^2)."""
    feature = next(feature for feature in bench.studio.features if feature.name == name)
    values = _encoded(feature)[bench.rows]
    known = np.isfinite(values).all(axis=1)
    if known.sum() <= 4 * (values.shape[1] + 1):
        return None
    y = bench.latent.of(traversal.block)[:, traversal.dimension].numpy().astype(np.float64)[known]
    x = np.column_stack([np.ones(len(y)), values[known]])
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    # Fitted on the rows it is judged on: the usual correction for the degrees of freedom.
    spare = (len(y) - 1) / max(1, len(y) - np.linalg.matrix_rank(x))
    shares = Shares(np.square(left) * spare, np.square(y - y.mean()))
    return estimate(retained_interval(shares, bench.weights(len(y))))


def _encoded(feature: AuditedFeature) -> NDArray[np.float64]:
    return feature.encoding.encode(feature.column.values)


def _over(weights: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Resampling weights over the known images alone; a resample without any of them is left out."""
    kept = weights[:, known]
    return np.asarray(kept[kept.sum(axis=1) > 0])
