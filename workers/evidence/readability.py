"""Predictive retention: how much of each feature a cross-fitted probe reads from a representation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .estimators import Shares, explained
from .features import FeatureColumn, fit_encoding
from .pixels import Floats
from .probes import FOLDS, cross_fit

MIN_ROWS = 10 * FOLDS
"""Features known for fewer images than this are not probed."""


@dataclass(frozen=True)
class Readability:
    """What a probe reads of one feature; use ``.retained`` of either.

    ``shares`` from ``z``; ``floor`` the same with ``z`` permuted across images, which must be about zero. Both hold
    one entry per reference image, zero where the feature is unknown.
    """

    name: str
    shares: Shares
    floor: Shares


def read_features(
    z: Floats, columns: Sequence[FeatureColumn], generator: np.random.Generator
) -> dict[str, Readability]:
    """Probe ``z (n, ...)`` for every column of ``n`` values; columns known for too few images are left out.

    Columns known for the same images share one factorisation, and so do their permuted twins.

    Raises:
        ValueError: a column has another length than ``z``, or ``z`` is not finite.
    """
    groups: dict[bytes, list[FeatureColumn]] = {}
    for column in columns:
        if len(column.values) != len(z):
            raise ValueError(f"{column.name}: {len(column.values)} values for {len(z)} images")
        groups.setdefault(column.known.tobytes(), []).append(column)
    found = {}
    for group in groups.values():
        if np.count_nonzero(group[0].known) >= MIN_ROWS:
            found.update(_read_group(z, group, generator))
    return found


def _read_group(z: Floats, group: list[FeatureColumn], generator: np.random.Generator) -> dict[str, Readability]:
    known = group[0].known
    encoded = [fit_encoding(column).encode(column.values[known]) for column in group]
    shuffled = generator.permutation(len(encoded[0]))  # permuting targets is permuting z
    targets = np.concatenate(encoded + [block[shuffled] for block in encoded], axis=1)
    predictions = cross_fit(z[known], targets, generator)
    edges = np.cumsum([block.shape[1] for block in encoded] * 2)[:-1]
    shares = [
        explained(truth, guess).spread_over(known)
        for truth, guess in zip(np.split(targets, edges, axis=1), np.split(predictions, edges, axis=1), strict=True)
    ]
    real, null = shares[: len(group)], shares[len(group) :]
    return {column.name: Readability(column.name, r, f) for column, r, f in zip(group, real, null, strict=True)}
