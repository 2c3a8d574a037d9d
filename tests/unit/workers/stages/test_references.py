"""One shuffled order for every stage; sheets that show every class."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.stages.references import choose, spread_rows


@given(available=st.integers(1, 500), limit=st.integers(1, 500), seed=st.integers(0, 2**31 - 1))
def test_choose_takes_each_row_at_most_once(available: int, limit: int, seed: int) -> None:
    rows = choose(available, limit, seed)
    assert len(rows) == len(set(rows.tolist())) == min(available, limit)
    assert np.array_equal(rows, choose(available, limit, seed))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(1, 60), st.integers(0, 99))
def test_spread_rows_takes_classes_in_turn(classes: list[int], count: int, seed: int) -> None:
    labels = np.array(classes)
    rows = spread_rows(labels, count, np.random.default_rng(seed))
    assert len(rows) == len(set(rows.tolist())) == min(count, len(labels))
    assert np.all(np.diff(rows) > 0)
    taken, available = np.bincount(labels[rows], minlength=6), np.bincount(labels, minlength=6)
    short = taken < available
    if short.any():  # a class that had more to give got at least as many rows as any other, give or take one
        assert taken[short].min() >= taken.max() - 1
