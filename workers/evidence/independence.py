"""Whether what a tap discarded is independent of what it kept: a probe must not predict ``z`` from ``v`` (M10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .estimators import explained
from .pixels import Floats
from .probes import cross_fit

TARGETS = 16


@dataclass(frozen=True)
class Independence:
    """Share of ``z``'s leading components that a probe reads from ``v``, and what chance reads (``null``)."""

    explained: float
    null: float


def independence(
    v: Floats, z: Floats, generator: np.random.Generator, *, permutations: int = 39, level: float = 0.95
) -> Independence:
    """Probe ``v (n, d)`` for the leading components of ``z (n, ...)``; ``null`` is a quantile over permuted ``z``.

    All permutations share one factorisation of ``v``.

    Raises:
        ValueError: shapes do not fit, values are not finite, or there are too few rows.
    """
    targets = leading_components(z, TARGETS)
    orders = [np.arange(len(targets)), *(generator.permutation(len(targets)) for _ in range(permutations))]
    stacked = np.concatenate([targets[order] for order in orders], axis=1)
    predictions = cross_fit(v, stacked, generator)
    width = targets.shape[1]
    scores = [
        explained(stacked[:, start : start + width], predictions[:, start : start + width]).retained
        for start in range(0, stacked.shape[1], width)
    ]
    if not np.isfinite(scores[0]):  # a constant z: there is nothing to depend on
        return Independence(0.0, 0.0)
    null = float(np.quantile(scores[1:], level)) if permutations else 0.0
    return Independence(scores[0], null)


def leading_components(values: Floats, count: int) -> Floats:
    """Unit-variance leading principal components of ``(n, ...)``, at most ``count``; one column of 0 if constant."""
    flat = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    centred = flat - flat.mean(axis=0)
    deviation = centred.std(axis=0)
    standard = centred / np.where(deviation > 0, deviation, 1)
    left, singular, _ = np.linalg.svd(standard, full_matrices=False) if min(flat.shape) <= 512 else _sketch(standard)
    kept = singular[:count] > 1e-6 * max(float(singular[0]), 1e-12)
    return np.asarray(left[:, :count][:, kept] * np.sqrt(len(flat))) if kept.any() else np.zeros((len(flat), 1))


def _sketch(standard: Floats) -> tuple[Floats, Floats, Floats]:
    from sklearn.utils.extmath import randomized_svd  # heavy, and needed for wide taps only

    left, singular, right = randomized_svd(standard, n_components=TARGETS, random_state=0)
    return left, singular, right
