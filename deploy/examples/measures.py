"""What a view of codes still tells: neighbours, the same digit in another pose, and what a probe reads from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, rate_interval, resampling_weights, retained_interval
from workers.evidence.estimators import Shares, explained
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.evidence.probes import cross_fit
from workers.symmetry.equivariance import Reading

from .neighbours import Distances, agreement, distances, recognition
from .poses import Angles, Digits

RESAMPLES = 1000
SEED = 11

Codes = NDArray[np.float32]
Metric = Callable[[Codes, Codes], Distances]
"""Distances ``(n, m)`` of codes ``(n, ...)`` and ``(m, ...)``."""


@dataclass(frozen=True)
class Posed:
    """Codes of the same digits in a first and a second random pose, and upright: ``(n, ...)`` float32 each."""

    first: Codes
    second: Codes
    upright: Codes

    def seen(self, view: Callable[[Codes], Codes]) -> Posed:
        """The same through a view."""
        return Posed(view(self.first), view(self.second), view(self.upright))


@dataclass(frozen=True)
class Measured:
    """One row of a table. Intervals are over images (95 %), of means over ``draws`` of random templates.

    ``neighbours``: share of digits whose five nearest others, in random poses too, vote for their class. ``upright``:
    the same where the others stand upright. ``recognised``: share whose nearest code among all digits in another random
    pose is their own. ``information``: share of a feature's variance that a cross-fitted probe reads, by feature.
    """

    view: str
    width: int | None
    neighbours: Interval
    upright: Interval
    recognised: Interval
    information: dict[str, Interval] = field(default_factory=dict)
    templates: int | None = None
    draws: int = 1


@dataclass(frozen=True)
class Screened:
    """How one layer of one of two twins answers to one group."""

    twin: str
    layer: str
    group: str
    reading: Reading


class Bench:
    """Held-out digits in two random poses each; measures any view of their codes.

    Args:
        digits: upright digits and how they were drawn.
        angles: of the first pose, in radians ``(n,)``.
    """

    def __init__(self, digits: Digits, angles: Angles) -> None:
        self.labels = digits.labels
        self.columns = [
            FeatureColumn("label", "categorical", digits.labels.astype(np.float64), n_categories=10),
            FeatureColumn("thickness", "numeric", digits.thickness),
            FeatureColumn("slant", "numeric", digits.slant),
            FeatureColumn("pose", "circular", angles, period=2 * np.pi),
        ]
        self.weights = resampling_weights(len(digits), RESAMPLES, np.random.default_rng(SEED))

    def of_codes(self, view: str, drawn: Sequence[Posed], templates: int | None = None) -> Measured:
        """One :class:`Posed` of codes per draw of the templates."""
        width = int(np.prod(drawn[0].first.shape[1:]))
        information = self._information([codes.first for codes in drawn])
        return self._measured(view, drawn, distances, width, information, templates)

    def of_distances(self, view: str, codes: Posed, between: Metric) -> Measured:
        """The same by another distance: no view that a probe could read."""
        return self._measured(view, [codes], between, None, {}, None)

    def _measured(
        self,
        view: str,
        drawn: Sequence[Posed],
        between: Metric,
        width: int | None,
        information: dict[str, Interval],
        templates: int | None,
    ) -> Measured:
        votes = np.mean([self._votes(codes, between) for codes in drawn], axis=0)
        neighbours, upright, recognised = (rate_interval(one, self.weights) for one in votes)
        return Measured(view, width, neighbours, upright, recognised, information, templates, len(drawn))

    def _votes(self, codes: Posed, between: Metric) -> NDArray[np.float64]:
        """Right or wrong in each of the three questions, ``(3, n)``."""
        among, upright = between(codes.first, codes.first), between(codes.first, codes.upright)
        across = between(codes.first, codes.second)
        return np.stack([agreement(among, self.labels), agreement(upright, self.labels), recognition(across)])

    def _information(self, draws: list[Codes]) -> dict[str, Interval]:
        encoded = [fit_encoding(column).encode(column.values) for column in self.columns]
        edges = np.cumsum([block.shape[1] for block in encoded])[:-1]
        read = [
            np.split(cross_fit(codes, np.concatenate(encoded, axis=1), np.random.default_rng(SEED)), edges, axis=1)
            for codes in draws
        ]
        found = {}
        for i, (column, block) in enumerate(zip(self.columns, encoded, strict=True)):
            shares = [explained(block, guesses[i]) for guesses in read]
            lost = np.mean([share.part for share in shares], axis=0)
            found[column.name] = retained_interval(Shares(lost, shares[0].total), self.weights)
        return found
