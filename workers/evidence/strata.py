"""Features that the references tie together, and what of each is left when its ties are held fixed.

A tap that holds one of two tied features seems to hold the other (papers.md 4(e), confounding). Retention within
strata asks what it holds of the part that the ties do not explain: ``1 - E Var(a | z, T) / E Var(a | T)`` for the
features ``T`` tied to ``a``. Where the references leave nothing within the strata, the two cannot be separated.

Ties need not be linear: a number or an angle explains another feature through its bins, a class through its shares.
Every prediction is out of fold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .estimators import explained
from .features import FeatureColumn, fit_encoding
from .pixels import Floats
from .probes import FOLDS, fold_numbers, ridge
from .thresholds import DEFAULT, Thresholds

BINS = 12


@dataclass(frozen=True)
class Tie:
    """``share`` of the variance of one feature that another, ``name``, explains out of fold."""

    name: str
    share: float


@dataclass(frozen=True)
class Stratum:
    """One feature with its ties held fixed.

    ``left``: share of its variance that they leave, 0..1. ``residual`` ``(n, k)``: its encoding minus what they
    predict out of fold, NaN where it is unknown. ``design`` ``(n, q)``: the ties, as columns.
    """

    name: str
    ties: tuple[Tie, ...]
    left: float
    residual: NDArray[np.float64]
    design: NDArray[np.float64]

    def separable(self, thresholds: Thresholds = DEFAULT) -> bool:
        """Whether the references leave enough of the feature to look at."""
        return self.left >= thresholds.separable


def find_strata(
    columns: Sequence[FeatureColumn],
    generator: np.random.Generator,
    sources: Mapping[str, Collection[str]] | None = None,
    thresholds: Thresholds = DEFAULT,
) -> dict[str, Stratum]:
    """The stratum of every column of ``n`` values that another explains; ``sources``: by which others it may be (all).

    A column is tied to each that explains more than ``thresholds.tied`` of its variance; too few rows tie nothing.
    """
    designs = {column.name: _design(column) for column in columns}
    allowed = dict.fromkeys(designs, designs.keys()) if sources is None else sources
    found = (
        _stratum(column, {name: designs[name] for name in allowed[column.name]}, generator, thresholds)
        for column in columns
    )
    return {stratum.name: stratum for stratum in found if stratum is not None}


def _stratum(
    column: FeatureColumn, designs: Mapping[str, Floats], generator: np.random.Generator, thresholds: Thresholds
) -> Stratum | None:
    known = column.known
    if known.sum() < 10 * FOLDS:
        return None
    truth = fit_encoding(column).encode(column.values[known])
    fold = fold_numbers(len(truth), generator)
    shares = {name: _explains(design[known], truth, fold)[0] for name, design in designs.items() if name != column.name}
    tied = sorted((name for name, share in shares.items() if share > thresholds.tied), key=lambda name: -shares[name])
    if not tied:
        return None
    design = np.concatenate([designs[name] for name in tied], axis=1)
    share, predicted = _explains(design[known], truth, fold)
    residual = np.full((len(known), truth.shape[1]), np.nan)
    residual[known] = truth - predicted
    return Stratum(column.name, tuple(Tie(name, shares[name]) for name in tied), 1 - share, residual, design)


def _explains(design: Floats, truth: Floats, fold: NDArray[np.intp]) -> tuple[float, NDArray[np.float64]]:
    """Share of the variance of ``truth (n, k)`` that ``design (n, q)`` explains, and its out-of-fold predictions."""
    predicted = regress(design, truth, fold)
    share = explained(truth, predicted).retained
    return (share if np.isfinite(share) else 0.0), predicted


def regress(design: Floats, truth: Floats, fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """Out-of-fold linear predictions ``(n, k)`` of ``truth`` from ``design (n, q)``; no row helps to predict itself."""
    inputs, predicted = design.astype(np.float32), np.empty(truth.shape, dtype=np.float64)
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        predicted[test] = ridge(inputs[train], truth[train], inputs[test])
    return predicted


def _design(column: FeatureColumn) -> NDArray[np.float64]:
    """A column as regressors: a line per bin of a number, sectors of an angle, classes; and whether it is known."""
    known = column.known
    encoding = fit_encoding(column)
    encoded = np.where(known[:, None], encoding.encode(column.values), 0.0)
    missing = [] if known.all() else [~known[:, None]]
    binned = [_lines(encoded[:, i], known) for i in range(encoded.shape[1])] if column.kind == "numeric" else []
    turned = [_sectors(column.values, known, column.period or 1.0)] if column.kind == "circular" else []
    return np.concatenate([encoded, *binned, *turned, *missing], axis=1, dtype=np.float64)


def _lines(values: Floats, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1)[1:-1]))
    inside = (np.searchsorted(edges, values)[:, None] == np.arange(len(edges) + 1)) & known[:, None]
    return np.concatenate([inside, inside * values[:, None]], axis=1)


def _sectors(values: Floats, known: NDArray[np.bool_], period: float) -> NDArray[np.bool_]:
    turns = np.where(known, values, 0.0) / period % 1.0
    return np.asarray((np.floor(turns * BINS)[:, None] == np.arange(BINS)) & known[:, None])
