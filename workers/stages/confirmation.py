"""Whether the edits of a feature reached their targets: over all of them, and for every value of the feature.

A classifier may react to one rare value alone. If the autoencoder loses that value, its edits are the ones that miss,
they are dropped, and those that are left show nothing: only the worst served value tells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.evidence.thresholds import DEFAULT
from workers.stages.features import AuditedFeature

BINS = 10
"""Quantile bins of a feature that takes many values."""
FEW = 20
"""A number that takes no more values than this has a group for each, as classes have."""
SMALL = DEFAULT.flip_rate / 2
"""Values that hold no more than this share of the edits are judged together: alone they cannot hide an effect."""

Values = NDArray[np.float64]


def least_confirmed(feature: AuditedFeature, sources: Values, targets: Values, hit: NDArray[np.bool_]) -> float:
    """The smallest share of hits, over all edits and over those from and to each value of ``feature``, 0..1.

    ``sources (n, ...)`` are the values before, ``targets (draws, n, ...)`` those wanted (NaN: none was found), ``hit``
    ``(draws, n)``.
    """
    before = np.broadcast_to(value_groups(feature, sources), hit.shape)
    shares = (share for groups in (before, value_groups(feature, targets)) for share in _shares(groups, hit))
    return min(float(hit.mean()), *shares)


def value_groups(feature: AuditedFeature, values: Values) -> NDArray[np.int64]:
    """Number of the group of each of ``values (...)`` or ``(..., k)``; -1 where there is no value.

    Classes are groups, and so are frequent numbers; other numbers and angles fall into quantile bins of the references,
    vectors into those along the direction in which the references vary most.
    """
    reference = feature.column.values[feature.column.known]
    if feature.column.kind == "vector":
        centre = reference.mean(axis=0)
        main = np.linalg.svd(reference - centre, full_matrices=False)[2][0]
        reference, values = (reference - centre) @ main, (values - centre) @ main
    groups = np.searchsorted(_edges(feature, reference), values, side="right")
    return np.where(np.isfinite(values), groups, -1)


def _edges(feature: AuditedFeature, reference: Values) -> Values:
    distinct, counts = np.unique(reference, return_counts=True)
    if feature.column.kind == "categorical" or len(distinct) <= FEW:
        return distinct
    own = distinct[counts > max(SMALL * len(reference), DEFAULT.fewest_images)]
    quantiles = np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.unique([*quantiles, *own, *np.nextafter(own, np.inf)])


def _shares(groups: NDArray[np.int64], hit: NDArray[np.bool_]) -> list[float]:
    """Share of hits in every group that is not small, and in all small ones together."""
    known, least = groups >= 0, SMALL * hit.size
    large = np.bincount(groups[known], minlength=1) > least
    rest = known & ~large[groups]
    kept = [*(groups == i for i in np.flatnonzero(large)), *([rest] if rest.sum() > least else [])]
    return [float(hit[one].mean()) for one in kept]
