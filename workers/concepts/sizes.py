"""How many dimensions each factor gets."""

from __future__ import annotations

import math
from collections.abc import Sequence

SMALLEST = 2
RESIDUAL_SHARE = 0.25


def factor_sizes(scores: Sequence[float], dim: int, directions: Sequence[int] | None = None) -> list[int]:
    """Even sizes in the order of ``scores``; 0 for what the code does not carry, and for concepts that find no room.

    At least a quarter of ``dim`` is left.

    The rule of papers.md 2(a), ``floor(dim * softmax(scores, 1))`` with the residual's score 1, gives a concept of
    score 0 up to a fifth of the dimensions. So it is capped by the number of ``directions`` in which sharing pairs
    really are correlated: a dimension that pairs do not share would be filled with something else. Not below 2, and
    none without a single direction: such a factor would hold something else alone. Where the sum is too large, the
    largest factor shrinks first, then the weakest concepts go.
    """
    room = min(dim - 1, dim - math.ceil(RESIDUAL_SHARE * dim))
    sizes = [_even(size) for size in _softmax_sizes(scores, dim)]
    if directions is not None:
        sizes = [min(size, _even(n + 1)) if n else 0 for size, n in zip(sizes, directions, strict=True)]
    while sum(sizes) > room:
        largest = max(range(len(sizes)), key=lambda i: sizes[i])
        if sizes[largest] > SMALLEST:
            sizes[largest] -= 2
        else:
            sizes[min((i for i in range(len(sizes)) if sizes[i]), key=lambda i: scores[i])] = 0
    return sizes


def _softmax_sizes(scores: Sequence[float], dim: int) -> list[int]:
    total = math.e + sum(math.exp(score) for score in scores)
    return [math.floor(dim * math.exp(score) / total) for score in scores]


def _even(size: int) -> int:
    return max(SMALLEST, size // 2 * 2)
