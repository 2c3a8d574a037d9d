"""Concept score ``s_F``: how much of a representation's variance pairs that share a concept have in common.

papers.md 2(a): ``s_F = sum_i mean[(a_i - m_i)(b_i - m_i)] / sum_i Var_i`` with the mean and variance pooled over both
sides of the pairs, which keeps it in -1..1. It needs no training, so it serves any tap (papers.md 5.2, M4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]

METHOD = "pairs, standard error robust to shared images"
_PROBES = 256


@dataclass(frozen=True)
class Score:
    """``s_F`` with its interval at ``level``; ``null``: 95 % of random pairings of the same images score below.

    ``n`` counts images, not pairs.
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    null: float


def pair_score(values: Floats, pairs: NDArray[np.int64]) -> float:
    """``s_F`` of representations ``(n, d)`` and pairs ``(m, 2)``; 0 where nothing varies."""
    products, squares = _moments(*_centred(values[pairs[:, 0]], values[pairs[:, 1]]))
    total = float(squares.mean())
    return float(products.mean()) / total if total > 0 else 0.0


def concept_score(values: Floats, pairs: NDArray[np.int64], rng: np.random.Generator, level: float = 0.95) -> Score:
    """``s_F`` of representations ``(n, d)`` with interval and null, as :func:`sides_score`."""
    return sides_score(values[pairs[:, 0]], values[pairs[:, 1]], pairs, rng, level)


def sides_score(
    first: Floats, second: Floats, pairs: NDArray[np.int64], rng: np.random.Generator, level: float = 0.95
) -> Score:
    """``s_F`` of the two sides of pairs, ``(m, d)`` each, with interval and null; ``pairs (m, 2)`` name their images.

    An image occurs in several pairs, which therefore are not independent: the standard error sums over all pairs that
    have an image in common (Aronow, Samii and Assenova 2015, dyadic cluster-robust). The null is that of permuted
    partners: its exact permutation variance, ``tr(C_a C_b) / (m - 1)``, with normal quantiles.

    Raises:
        ValueError: fewer than three pairs.
    """
    if len(pairs) < 3:
        raise ValueError(f"a score needs at least three pairs, got {len(pairs)}")
    first, second = _centred(first, second)
    products, squares = _moments(first, second)
    total = float(squares.mean())
    if total <= 0:
        return Score(0.0, 0.0, 0.0, level, len(np.unique(pairs)), 0.0)
    value = float(products.mean()) / total
    margin = float(stats.norm.ppf(0.5 + level / 2)) * _dyadic_error((products - value * squares) / total, pairs)
    null = float(stats.norm.ppf(0.95)) * _null_deviation(first, second, rng) / total
    return Score(value, max(-1.0, value - margin), min(1.0, value + margin), level, len(np.unique(pairs)), null)


def _centred(first: Floats, second: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both sides of the pairs, ``(m, d)`` each, less their common mean."""
    first, second = first.astype(np.float32), second.astype(np.float32)
    middle = (first.mean(axis=0, dtype=np.float64) + second.mean(axis=0, dtype=np.float64)) / 2
    return first - middle.astype(np.float32), second - middle.astype(np.float32)


def _moments(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[Doubles, Doubles]:
    """Per pair: inner product, and mean squared length of its two sides."""
    products = np.einsum("md,md->m", first, second).astype(np.float64)
    squares = (np.einsum("md,md->m", first, first) + np.einsum("md,md->m", second, second)).astype(np.float64) / 2
    return products, squares


def _dyadic_error(influence: Doubles, pairs: NDArray[np.int64]) -> float:
    """Standard error of ``influence.mean()``; never below that of independent pairs."""
    per_image = np.bincount(pairs[:, 0], influence, pairs.max() + 1)
    per_image += np.bincount(pairs[:, 1], influence, pairs.max() + 1)
    alone = float(np.square(influence).sum())
    return float(np.sqrt(max(np.square(per_image).sum() - alone, alone)) / len(pairs))


def _null_deviation(first: NDArray[np.float32], second: NDArray[np.float32], rng: np.random.Generator) -> float:
    """Standard deviation of the mean inner product when the partners are permuted."""
    pairs, dim = first.shape
    # Beyond a few hundred units the trace is estimated by random probes (Hutchinson 1990): its error is a few percent.
    probes = np.eye(dim) if dim <= _PROBES else rng.standard_normal((dim, _PROBES)) / np.sqrt(_PROBES)
    a, b = (_spread(side - side.mean(axis=0), probes.astype(np.float32)) for side in (first, second))
    return float(np.sqrt(max(0.0, float((a * b).sum(dtype=np.float64))) / (pairs - 1)))


def _spread(centred: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Covariance times ``probes``: ``(d, q)``."""
    return np.asarray(centred.T @ (centred @ probes) / len(centred), dtype=np.float32)
