"""Predictive retention: how much of each feature a cross-fitted probe reads from a representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .estimators import Shares, explained
from .features import FeatureColumn, fit_encoding
from .pixels import Floats
from .probes import FOLDS, cross_fit, fold_numbers
from .strata import Stratum, regress

NEARLY_ALL = 0.8
"""Features known for at least this share of the images are probed together."""
MIN_ROWS = 10 * FOLDS
"""Features known for fewer images than this are not probed."""


@dataclass(frozen=True)
class Readability:
    """What a probe reads of one feature; use ``.retained`` of each.

    ``shares`` from ``z``; ``floor`` the same with ``z`` permuted across images, which must be about zero;
    ``stratified`` of what its ties leave, from ``z`` and the ties, ``None`` where it has none. All hold one entry per
    reference image, zero where the feature is unknown.
    """

    name: str
    shares: Shares
    floor: Shares
    stratified: Shares | None = None


def read_features(
    z: Floats,
    columns: Sequence[FeatureColumn],
    generator: np.random.Generator,
    strata: Mapping[str, Stratum] | None = None,
) -> dict[str, Readability]:
    """Probe ``z (n, ...)`` for every column of ``n`` values; columns known for too few images are left out.

    Columns known for the same images share one factorisation, and so do their permuted twins and what their ``strata``
    leave of them; columns known for nearly all images share the features that are made of ``z``.

    Raises:
        ValueError: a column has another length than ``z``, or ``z`` is not finite.
    """
    groups: dict[bytes, list[FeatureColumn]] = {}
    for column in columns:
        if len(column.values) != len(z):
            raise ValueError(f"{column.name}: {len(column.values)} values for {len(z)} images")
        if np.count_nonzero(column.known) >= MIN_ROWS:
            nearly_all = column.known.mean() >= NEARLY_ALL
            groups.setdefault(b"" if nearly_all else column.known.tobytes(), []).append(column)
    found = {}
    for group in groups.values():
        found.update(_read_group(z, group, generator, strata or {}))
    return {column.name: found[column.name] for column in columns if column.name in found}


def _read_group(
    z: Floats, group: list[FeatureColumn], generator: np.random.Generator, strata: Mapping[str, Stratum]
) -> dict[str, Readability]:
    names, tied = [column.name for column in group], [column for column in group if column.name in strata]
    encoded = [_encoded(column) for column in group]
    residuals = [np.where(column.known[:, None], strata[column.name].residual, 0) for column in tied]
    twins = _permuted(encoded, group, generator)
    blocks, owners = [*encoded, *residuals, *twins], [*group, *tied, *group]
    rows = np.any([column.known for column in group], axis=0)
    known = np.column_stack([np.repeat(o.known[:, None], b.shape[1], 1) for o, b in zip(owners, blocks, strict=True)])
    stacked = np.concatenate(blocks, axis=1)
    predictions = np.zeros_like(stacked)
    predictions[rows] = cross_fit(z[rows], stacked[rows], generator, known=known[rows])
    guesses = np.split(predictions, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    shares = [
        explained(block[owner.known], guess[owner.known]).spread_over(owner.known)
        for owner, block, guess in zip(owners, blocks, guesses, strict=True)
    ]
    whole = dict(zip(names, guesses, strict=False))
    within = {
        one.name: _stratified(strata[one.name], one.known, [whole[one.name][one.known], guess[one.known]], generator)
        for one, guess in zip(tied, guesses[len(names) :], strict=False)
    }
    real, null = shares[: len(names)], shares[-len(names) :]
    return {name: Readability(name, r, f, within.get(name)) for name, r, f in zip(names, real, null, strict=True)}


def _encoded(column: FeatureColumn) -> NDArray[np.float64]:
    """``(n, width)``, 0 where the column is unknown."""
    values = fit_encoding(column).encode(column.values[column.known])
    found = np.zeros((len(column.values), values.shape[1]))
    found[column.known] = values
    return found


def _permuted(
    blocks: list[NDArray[np.float64]], columns: list[FeatureColumn], generator: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Each block with the rows that are known permuted, as one permutes ``z``: all columns of the same rows alike."""
    orders: dict[bytes, NDArray[np.intp]] = {}
    twins = []
    for block, column in zip(blocks, columns, strict=True):
        at, key = np.flatnonzero(column.known), column.known.tobytes()
        orders[key] = orders[key] if key in orders else generator.permutation(at)
        twin = block.copy()
        twin[at] = block[orders[key]]
        twins.append(twin)
    return twins


def _stratified(
    stratum: Stratum, known: NDArray[np.bool_], guesses: list[NDArray[np.float64]], generator: np.random.Generator
) -> Shares:
    """What ``z`` says beyond the ties: its own guesses, and the ties to take out of them, fitted together.

    A representation may mix the feature with its ties (``a + h(T)``): only with the ties known is ``a`` readable.
    """
    inputs = np.concatenate([*guesses, stratum.design[known]], axis=1)
    truth = stratum.residual[known]
    predicted = regress(inputs, truth, fold_numbers(len(truth), generator))
    return explained(truth, predicted).spread_over(known)
