"""Pairs of rows that share one concept while every other attribute is randomised (papers.md 2(a), 2(e)).

Two rows share a categorical attribute when their classes are equal, and a numeric or circular one when their ranks
differ by at most :data:`WINDOW` of the rows. Attributes are known for every row, so for each pair the loss is told
*all* the concepts that it shares, by chance too: nothing has to be rejected or averaged over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]

WINDOW = 0.025
"""Ranks this close, as a share of the rows, count as the same value: one row in twenty shares by chance."""

_ROUNDING = 1e-9
_CANDIDATES = 64
"""Sharing rows among which a pair looks for the one whose other attributes are those of a random row."""


@dataclass(frozen=True)
class Attribute:
    """A concept that a column defines: an attribute, or what two sketches have in common.

    Attributes:
        name: of the concept.
        kind: how its values compare.
        values: ``(n,)`` float64; NaN where unknown. Circular ones in units of ``period``.
        period: of a circular attribute.
        definition: where the column came from.
        caution: what is weak about it, or ``None``.
        alike: share of random pairs of references that are less alike than the two sketches; ``None``: none were given.
        place: class number, or rank in 0..1 (circular: around the circle); filled in.
    """

    name: str
    kind: Literal["numeric", "categorical", "circular"]
    values: NDArray[np.float64]
    period: float | None = None
    definition: Literal["attribute", "sketch"] = "attribute"
    caution: str | None = None
    alike: float | None = None
    place: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind == "circular" and not self.period:
            raise ValueError(f"{self.name}: a circular attribute needs a period")
        values = self.values % self.period if self.kind == "circular" and self.period else self.values
        if self.kind != "categorical":
            known = np.isfinite(values)
            values = np.where(known, (rankdata(values, nan_policy="omit") - 0.5) / max(1, known.sum()), np.nan)
        object.__setattr__(self, "place", np.asarray(values, dtype=np.float64))

    @property
    def reach(self) -> float:
        """Largest difference in ``place`` at which two rows share the attribute."""
        return 0.0 if self.kind == "categorical" else WINDOW

    def gap(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        """How different two rows are, 0..1; 1 where either value is unknown."""
        apart = np.abs(self.place[first] - self.place[second])
        if self.kind == "categorical":
            apart = np.where(np.isfinite(apart), apart != 0, np.nan).astype(np.float64)
        if self.kind == "circular":
            apart = 2 * np.minimum(apart, 1 - apart)
        return np.nan_to_num(apart, nan=1.0)

    def shared(self, first: Rows, second: Rows) -> Bools:
        """Which pairs of rows share the attribute."""
        reach = 2 * self.reach if self.kind == "circular" else self.reach
        return np.asarray(self.gap(first, second) <= reach + _ROUNDING)

    def partners(self, anchors: Rows, rows: Rows, count: int, rng: np.random.Generator) -> Rows:
        """``count`` random rows out of ``rows`` for each anchor that share the attribute with it: ``(m, count)``.

        -1 where no row but the anchor shares it. An anchor may be its own candidate.
        """
        order, places = self._ordered(rows)
        at = self.place[anchors]
        low = np.searchsorted(places, at - self.reach, side="left")[:, None]
        high = np.searchsorted(places, at + self.reach, side="right")[:, None]
        drawn = low + (rng.random((len(anchors), count)) * (high - low)).astype(np.int64)
        found = order[np.minimum(drawn, len(order) - 1)]
        return np.where(high - low > 1, found, -1)

    def _ordered(self, rows: Rows) -> tuple[Rows, NDArray[np.float64]]:
        order = rows[np.argsort(self.place[rows], kind="stable")]
        places = self.place[order]
        if self.kind != "circular":
            return order, places
        return np.tile(order, 3), np.concatenate([places - 1, places, places + 1])


@dataclass(frozen=True)
class Examples:
    """A concept that explicit pairs of rows define; nothing is known of other rows.

    ``caution`` says what is weak about them, or ``None``.
    """

    name: str
    pairs: Rows
    definition: Literal["pairs"] = "pairs"
    caution: str | None = None


Concept = Attribute | Examples


def draw_pairs(concepts: Sequence[Concept], index: int, rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """At most ``count`` pairs ``(m, 2)`` within ``rows`` that share concept ``index``.

    For an attribute: random anchors; among the rows that share it, the partner is the candidate whose *other*
    attributes are nearest to those of a third, random row. So they come out as in random pairs as far as the rows
    allow, even where the attributes are tied to each other.
    """
    concept = concepts[index]
    if isinstance(concept, Examples):
        inside = np.isin(concept.pairs, rows).all(axis=1)
        return np.asarray(rng.permutation(concept.pairs[inside])[:count])
    known = rows[np.isfinite(concept.place[rows])]
    if len(known) < 2:
        return np.empty((0, 2), np.int64)
    anchors = rng.permutation(np.resize(known, count)) if count > len(known) else rng.permutation(known)[:count]
    candidates = concept.partners(anchors, known, _CANDIDATES, rng)
    others = [one for i, one in enumerate(concepts) if i != index and isinstance(one, Attribute)]
    chosen = _nearest(candidates, rng.choice(rows, len(anchors)), others)
    usable = (chosen >= 0) & (chosen != anchors)
    return np.asarray(np.stack([anchors, chosen], axis=1)[usable])


def random_pairs(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """Pairs of different rows that nobody chose, ``(m, 2)``."""
    pairs = rng.choice(rows, (count, 2))
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])


def sharing(concepts: Sequence[Concept], pairs: Rows, drawn_for: int | None = None) -> Bools:
    """Which concepts each pair shares, ``(m, k)``.

    Attributes are looked up; a concept without a column is shared by the pairs that were drawn for it, and taken as
    not shared by all others.
    """
    columns = [
        one.shared(pairs[:, 0], pairs[:, 1]) if isinstance(one, Attribute) else np.full(len(pairs), i == drawn_for)
        for i, one in enumerate(concepts)
    ]
    return np.stack(columns, axis=1) if columns else np.empty((len(pairs), 0), bool)


def varies(concept: Concept) -> bool:
    """Whether there is anything to share: two different values, one of them twice; or any pair."""
    if isinstance(concept, Examples):
        return len(concept.pairs) > 0
    _, counts = np.unique(concept.place[np.isfinite(concept.place)], return_counts=True)
    if concept.kind != "categorical":
        return len(counts) > 2
    return len(counts) > 1 and bool(counts.max() > 1)


def _nearest(candidates: Rows, targets: Rows, others: list[Attribute]) -> Rows:
    """Of each row of ``candidates (m, c)`` the one that resembles ``targets (m,)`` most; -1 stays -1."""
    cost = np.zeros(candidates.shape)
    for attribute in others:
        cost += attribute.gap(candidates, np.broadcast_to(targets[:, None], candidates.shape))
    return np.asarray(np.take_along_axis(candidates, cost.argmin(axis=1)[:, None], axis=1)[:, 0])
