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
    leave of them.

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
            found.update(_read_group(z, group, generator, strata or {}))
    return found


def _read_group(
    z: Floats, group: list[FeatureColumn], generator: np.random.Generator, strata: Mapping[str, Stratum]
) -> dict[str, Readability]:
    known, names = group[0].known, [column.name for column in group]
    encoded = [fit_encoding(column).encode(column.values[known]) for column in group]
    tied = [name for name in names if name in strata]
    residuals = [strata[name].residual[known] for name in tied]
    shuffled = generator.permutation(len(encoded[0]))  # permuting targets is permuting z
    blocks = [*encoded, *residuals, *(block[shuffled] for block in encoded)]
    predictions = cross_fit(z[known], np.concatenate(blocks, axis=1), generator)
    guesses = np.split(predictions, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    shares = [explained(*pair).spread_over(known) for pair in zip(blocks, guesses, strict=True)]
    whole = dict(zip(names, guesses, strict=False))
    within = {
        name: _stratified(strata[name], known, [whole[name], guess], generator)
        for name, guess in zip(tied, guesses[len(names) :], strict=False)
    }
    real, null = shares[: len(names)], shares[-len(names) :]
    return {name: Readability(name, r, f, within.get(name)) for name, r, f in zip(names, real, null, strict=True)}


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
