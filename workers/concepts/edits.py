"""Edits of one factor: everything else of the code is kept, and ``e^-1`` is exact (papers.md 2(c), I4 to I7)."""

from __future__ import annotations

from torch import Tensor

from workers.concepts.model import ConceptINN


def place(inn: ConceptINN, codes: Tensor, name: str, values: Tensor) -> Tensor:
    """Codes ``(n, d)`` with the factor ``name`` set to ``values (n, k)``; no other factor changes.

    Values of another image make a swap, draws from N(0, I) a resample, points of a line a slider.

    Raises:
        KeyError: there is no such factor.
    """
    factor = inn.factor(name)
    e = inn.encode(codes)
    e[:, factor.start : factor.stop] = values
    return inn.decode(e)
