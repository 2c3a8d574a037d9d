"""Sizes of factors, for any scores and any code."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.concepts.sizes import RESIDUAL_SHARE, SMALLEST, factor_sizes

SCORES = st.lists(st.floats(-1, 1), max_size=40)


@given(scores=SCORES, dim=st.integers(1, 256), data=st.data())
def test_the_rules_hold(scores: list[float], dim: int, data: st.DataObject) -> None:
    counts = st.none() | st.lists(st.integers(0, dim), min_size=len(scores), max_size=len(scores))
    directions = data.draw(counts)
    sizes = factor_sizes(scores, dim, directions)
    assert len(sizes) == len(scores)
    assert all(size == 0 or (size >= SMALLEST and size % 2 == 0) for size in sizes)
    assert dim - sum(sizes) >= max(1, math.ceil(RESIDUAL_SHARE * dim))
    if directions is not None:
        assert all(size <= count + 1 for size, count in zip(sizes, directions, strict=True) if count)
        assert not any(size for size, count in zip(sizes, directions, strict=True) if not count)


@given(scores=SCORES, dim=st.integers(4, 256))
def test_room_goes_to_the_strongest(scores: list[float], dim: int) -> None:
    sizes = factor_sizes(scores, dim)
    kept = [score for score, size in zip(scores, sizes, strict=True) if size]
    dropped = [score for score, size in zip(scores, sizes, strict=True) if not size]
    assert not dropped or not kept or max(dropped) <= min(kept)


def test_the_published_example() -> None:
    """papers.md 2(a): [22, 11, 31] of 64 follows from scores near 0.7 and 0; we round down to even numbers."""
    assert factor_sizes([0.7, 0.0], 64) == [22, 10]


@pytest.mark.parametrize(("directions", "size"), [(0, 0), (1, 2), (2, 2), (3, 4), (9, 10), (60, 22)])
def test_no_more_dimensions_than_pairs_share(directions: int, size: int) -> None:
    assert factor_sizes([0.7, 0.0], 64, [directions, 1]) == [size, 2]
