"""Cross-fitted probes: how well features can be read from a representation, all features at once.

Ridge regression on standardised inputs, their squares and products (leading components) and radial basis features, so
that circular and interacting features are found too. The penalty is chosen per target by generalised cross-validation
(Golub, Heath, Wahba 1979) inside each training fold, from one eigendecomposition that all targets share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .pixels import Floats

FOLDS = 5
MAX_DIMENSIONS = 256
QUADRATIC_DIMENSIONS = 16
PAIRS = 96
"""Products of two inputs kept beyond the leading components', chosen by how much they say about the targets."""
SCREENED = 64
"""Target columns that take part in choosing pairs: the first ones, so that hundreds of permuted twins cost nothing."""
SCREENING_ROWS = 2048
"""Rows that take part in it, at most: to rank products, and not to measure them."""
SINGLES = 48
"""Single inputs kept beside the leading components of a wide representation."""
CENTRES = 384
ROWS_PER_FEATURE = 3
GCV_CAUTION = 1.4
"""Inflates the degrees of freedom in generalised cross-validation, which else overfits small data (Kim and Gu 2004)."""
BANDWIDTHS = (1.0, 0.35)
"""Of the radial basis features, in units of the median distance between centres."""
PENALTIES = np.geomspace(1e-5, 1e3, 17)
"""In units of the mean eigenvalue."""
OUTLIER = 6.0
"""Standardised inputs are clipped here: one wild image must not bend every prediction."""

Floats32 = NDArray[np.float32]


def cross_fit(
    z: Floats,
    targets: Floats,
    generator: np.random.Generator,
    folds: int = FOLDS,
    known: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Out-of-fold predictions of ``targets (n, t)`` from ``z (n, ...)``: ``(n, t)``. No row helps to predict itself.

    Where a target is not ``known (n, t)`` its value counts for nothing. All targets share the features that are made
    of ``z``, those known for the same rows share a factorisation too.

    Raises:
        ValueError: row counts differ, a value is not finite, or there are fewer than two rows per fold.
    """
    flat = np.asarray(z, dtype=np.float32).reshape(len(z), -1)
    wanted = np.asarray(targets, dtype=np.float64)
    if wanted.ndim != 2 or len(flat) != len(wanted):
        raise ValueError(f"z {flat.shape} and targets {wanted.shape} do not fit")
    if len(flat) < 2 * folds:
        raise ValueError(f"{len(flat)} rows are too few for {folds} folds")
    if not (np.isfinite(flat).all() and np.isfinite(wanted).all()):
        raise ValueError("a probe needs finite inputs and targets")
    fold = fold_numbers(len(flat), generator, folds)
    predictions = np.empty_like(wanted)
    for k in range(folds):
        train, test = fold != k, fold == k
        features = _FeatureMap.fit(flat[train], wanted[train], generator)
        inputs, asked = features(flat[train]), features(flat[test])
        for rows, columns in _alike(np.ones(wanted.shape, dtype=bool) if known is None else known):
            among = rows[train]
            told = inputs if among.all() else inputs[among]
            predictions[np.ix_(test, columns)] = ridge(
                told, wanted[train & rows][:, columns], asked, features.nested
            )  # fmt: skip
    return predictions


def _alike(known: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Targets by the rows ``(n,)`` for which they are known."""
    patterns, which = np.unique(np.packbits(known, axis=0), axis=1, return_inverse=True)
    groups = [np.flatnonzero(which.ravel() == i) for i in range(patterns.shape[1])]
    return [(known[:, columns[0]], columns) for columns in groups]


def fold_numbers(n: int, generator: np.random.Generator, folds: int = FOLDS) -> NDArray[np.intp]:
    """Which of ``folds`` equal parts each of ``n`` rows is in, at random."""
    return np.asarray(generator.permutation(n) % folds)


@dataclass(frozen=True)
class _FeatureMap:
    """Standardise, rotate to components if wide, then linear, product and radial features. Fitted on one fold."""

    mean: Floats32
    scale: Floats32
    components: Floats32 | None
    pairs: NDArray[np.intp]
    centres: Floats32
    width: float

    @classmethod
    def fit(cls, z: Floats32, targets: Floats, generator: np.random.Generator) -> _FeatureMap:
        mean, deviation = z.mean(axis=0, dtype=np.float64), z.std(axis=0, dtype=np.float64)
        varies = deviation > 1e-6 * np.abs(mean) + 1e-30  # by its own scale: a loud input must not silence another
        mean, scale = mean.astype(np.float32), np.where(varies, deviation, np.inf).astype(np.float32)
        standard = _standardise(z, mean, scale)
        components = _components(standard, targets, generator)
        reduced = standard if components is None else standard @ components
        room = max(0, len(z) // ROWS_PER_FEATURE - reduced.shape[1])
        pairs = _pairs(reduced, targets, room // 4)
        count = min(CENTRES, room // (2 * len(BANDWIDTHS)))
        centres = reduced[generator.permutation(len(reduced))[:count]]
        squared = _squared_distances(centres, centres)
        width = float(np.median(squared[squared > 0])) if np.any(squared > 0) else 1.0
        return cls(mean, scale, components, pairs, centres, width)

    @property
    def nested(self) -> tuple[int, int]:
        """How many columns are linear, and how many linear or products of two inputs."""
        linear = len(self.mean) if self.components is None else self.components.shape[1]
        return linear, linear + 2 * self.pairs.shape[1]

    def __call__(self, z: Floats32) -> Floats32:
        standard = _standardise(z, self.mean, self.scale)
        reduced = standard if self.components is None else standard @ self.components
        left, right = reduced[:, self.pairs[0]], reduced[:, self.pairs[1]]
        squared = _squared_distances(reduced, self.centres)
        radial = [np.exp(-squared / (2 * bandwidth**2 * self.width)) for bandwidth in BANDWIDTHS]
        return np.concatenate([reduced, left * right, np.tanh(2 * left) * np.tanh(2 * right), *radial], axis=1)


def _pairs(reduced: Floats32, targets: Floats, room: int) -> NDArray[np.intp]:
    """Index pairs ``(2, pairs)`` whose products correlate most with any target, plus those of the leading inputs."""
    step = -(-len(reduced) // SCREENING_ROWS)
    wide, chosen = reduced.shape[1], reduced[::step]
    strength = np.zeros((wide, wide), dtype=np.float32)
    for column in _standardise_targets(targets[::step]).T[:SCREENED]:
        np.maximum(strength, np.abs(chosen.T @ (chosen * column[:, None])), out=strength)
    leading = min(wide, QUADRATIC_DIMENSIONS)
    strength[:leading, :leading] += np.float32(len(chosen))
    rows, columns = np.triu_indices(wide)
    kept = np.argsort(-strength[rows, columns], kind="stable")[: min(room, leading * (leading + 1) // 2 + PAIRS)]
    return np.stack([rows[kept], columns[kept]])


def _standardise(z: Floats32, mean: Floats32, scale: Floats32) -> Floats32:
    return np.asarray(np.clip((z - mean) / scale, -OUTLIER, OUTLIER), dtype=np.float32)


def _components(standard: Floats32, targets: Floats, generator: np.random.Generator) -> Floats32 | None:
    """What a wide ``z`` is reduced to, as columns of ``(k, q)``; ``None``: keep it as it is.

    The leading components, and single inputs that correlate most with a target: a feature that one quiet unit holds
    is in none of the leading components, and must not pass for absent.
    """
    wide = standard.shape[1]
    if wide <= _limit(standard):
        return None  # rotating the inputs would hide what two of them say together
    y = _standardise_targets(targets)[:, :SCREENED]
    strength = np.abs(standard.T @ y).max(axis=1, initial=0.0)
    chosen = np.argsort(-strength, kind="stable")[: min(SINGLES, _limit(standard) // 4)]
    single = np.zeros((wide, len(chosen)), dtype=np.float32)
    single[chosen, np.arange(len(chosen))] = 1
    return np.concatenate([_leading(standard, generator), single], axis=1)


def _leading(standard: Floats32, generator: np.random.Generator) -> Floats32:
    """Orthonormal leading components ``(k, q)``; for wide ``z`` by a randomised range finder (Halko et al. 2011)."""
    wide = standard.shape[1]
    if wide <= 2 * MAX_DIMENSIONS:
        values, vectors = np.linalg.eigh(standard.T @ standard)
        kept = values > 1e-6 * max(float(values[-1]), 1e-30)
        return np.ascontiguousarray(vectors[:, kept][:, ::-1][:, : _limit(standard)])
    sketch_width = _limit(standard)
    sketch = standard @ generator.standard_normal((wide, sketch_width), dtype=np.float32)
    basis = np.linalg.qr(standard.T @ np.linalg.qr(standard @ (standard.T @ sketch))[0])[0]
    values, vectors = np.linalg.eigh((standard @ basis).T @ (standard @ basis))
    return np.asarray(basis @ vectors[:, ::-1], dtype=np.float32)


def _standardise_targets(targets: Floats) -> Floats32:
    scaled = (targets - targets.mean(axis=0)) / np.maximum(targets.std(axis=0), 1e-12)
    return np.asarray(scaled, dtype=np.float32)


def _limit(standard: Floats32) -> int:
    return max(1, min(MAX_DIMENSIONS, len(standard) // 2))


def _squared_distances(a: Floats32, b: Floats32) -> Floats32:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None]
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0), dtype=np.float32)


def ridge(train: Floats32, targets: Floats, test: Floats32, nested: Sequence[int] = ()) -> NDArray[np.float64]:
    """Ridge predictions ``(rows of test, t)`` from ``train (n, p)``, ``targets (n, t)``: one penalty per target.

    ``nested``: models of the first so many columns compete with the whole one, by generalised cross-validation: where
    few columns say it all, hundreds of others would only add their noise. No prediction leaves the range of the
    training targets: where a rare row makes features that training hardly saw, a slope may point anywhere.
    """
    centre, offset = train.mean(axis=0), targets.mean(axis=0)
    deviation = np.maximum(train.std(axis=0), 1e-4)
    x, y = (train - centre) / deviation, (targets - offset).astype(np.float32)
    gram, crossed, energy = x.T @ x, x.T @ y, np.square(y).sum(axis=0)
    slopes, best = np.zeros(crossed.shape, dtype=np.float32), np.full(y.shape[1], np.inf)
    for size in sorted({*nested, len(gram)}):
        score, found = _penalised(gram[:size, :size].copy(), crossed[:size], energy, len(x))
        better = score < best
        slopes[:, better], best[better] = 0, score[better]
        slopes[:size, better] = found[:, better]
    found = ((test - centre) / deviation) @ slopes + offset
    return np.asarray(np.clip(found, targets.min(axis=0), targets.max(axis=0)), dtype=np.float64)


def _penalised(gram: Floats32, crossed: Floats32, energy: Floats, n: int) -> tuple[NDArray[np.float64], Floats32]:
    """The best generalised cross-validation score of each target ``(t,)``, and its slopes ``(p, t)``."""
    values, vectors = linalg.eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
    values = np.maximum(values.astype(np.float64), 0)
    rotated = (vectors.T @ crossed).astype(np.float64)  # (p, t)
    penalties = PENALTIES * max(float(values.mean()), 1e-12)
    inverse = 1 / (values[None] + penalties[:, None])  # (alphas, p)
    residual = energy - 2 * (inverse @ rotated**2) + (values * inverse**2) @ rotated**2  # (alphas, t)
    freedom = (values * inverse).sum(axis=1)[:, None]
    score = np.maximum(residual, 0) / np.maximum(n - 1 - GCV_CAUTION * freedom, 1e-3) ** 2
    chosen = inverse[np.argmin(score, axis=0)].T  # (p, t)
    return score.min(axis=0), np.asarray(vectors @ (chosen * rotated).astype(np.float32), dtype=np.float32)
