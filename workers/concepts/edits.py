"""Edits of one factor: everything else of the code is kept, and ``e^-1`` is exact (papers.md 2(c), I4 to I7).

Every function takes standardised codes ``(n, d)`` and returns codes; values outside the factor ``name`` never change.
All raise ``KeyError`` for a factor that does not exist.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workers.concepts.model import ConceptINN


def swap(inn: ConceptINN, codes: Tensor, others: Tensor, name: str) -> Tensor:
    """``codes`` with the factor of ``others`` (row by row), ``(n, d)``."""
    return place(inn, codes, name, inn.read(others, name))


def place(inn: ConceptINN, codes: Tensor, name: str, values: Tensor) -> Tensor:
    """``codes`` with the factor set to ``values (n, k)``."""
    factor = inn.factor(name)
    e = inn.encode(codes).clone()
    e[:, factor.start : factor.stop] = values
    return inn.decode(e)


def resample(inn: ConceptINN, codes: Tensor, name: str, draws: int, generator: torch.Generator) -> Tensor:
    """The factor drawn from N(0, I), its distribution over the references: ``(n, draws, d)``."""
    size = inn.factor(name).size
    return _many(inn, codes, name, _noise(codes, draws, size, generator))


def interpolate(inn: ConceptINN, codes: Tensor, others: Tensor, name: str, steps: int) -> Tensor:
    """The factor on the straight line from ``codes`` (first step) to ``others`` (last), ``(n, steps, d)``."""
    start, end = inn.read(codes, name), inn.read(others, name)
    share = torch.linspace(0, 1, steps).to(codes)[:, None]
    return _many(inn, codes, name, torch.lerp(start.unsqueeze(1), end.unsqueeze(1), share))


def walk(
    inn: ConceptINN, codes: Tensor, name: str, steps: int, generator: torch.Generator, rate: float = 0.1
) -> Tensor:
    """A random walk of the factor, the codes' own value first: ``(n, steps, d)``.

    Ornstein-Uhlenbeck, sampled exactly: ``x <- exp(-rate) x + sqrt(1 - exp(-2 rate)) noise``, so that N(0, I) stays
    N(0, I) at any ``rate > 0``.
    """
    keep = math.exp(-rate)
    fresh = math.sqrt(-math.expm1(-2 * rate))
    noise = _noise(codes, steps - 1, inn.factor(name).size, generator)
    path = [inn.read(codes, name)]
    for step in noise.unbind(dim=1):
        path.append(keep * path[-1] + fresh * step)
    return _many(inn, codes, name, torch.stack(path, dim=1))


def _many(inn: ConceptINN, codes: Tensor, name: str, values: Tensor) -> Tensor:
    """:func:`place` for ``values (n, m, k)``: ``(n, m, d)``."""
    repeated = codes.repeat_interleave(values.shape[1], dim=0)
    return place(inn, repeated, name, values.flatten(0, 1)).reshape(*values.shape[:2], codes.shape[1])


def _noise(codes: Tensor, draws: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.randn(len(codes), draws, size, generator=generator, device=generator.device).to(codes)
