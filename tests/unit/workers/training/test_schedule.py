"""Warm-up and cosine, by their corners."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.training.schedule import warmup_cosine


def test_corners() -> None:
    assert warmup_cosine(0, 100, warmup=0.1) == pytest.approx(0.1)
    assert warmup_cosine(9, 100, warmup=0.1) == 1.0
    assert warmup_cosine(10, 100, warmup=0.1) == 1.0
    assert warmup_cosine(55, 100, warmup=0.1, final=0.2) == pytest.approx(0.6)
    assert warmup_cosine(100, 100, warmup=0.1, final=0.2) == pytest.approx(0.2)
    assert warmup_cosine(0, 1, warmup=0.0) == 1.0


@given(
    total=st.integers(1, 500),
    warmup=st.floats(0, 0.99, exclude_max=True),
    final=st.floats(0, 1),
)
def test_it_rises_then_falls_within_bounds(total: int, warmup: float, final: float) -> None:
    factors = [warmup_cosine(step, total, warmup=warmup, final=final) for step in range(total + 1)]
    peak = factors.index(max(factors))
    assert all(0 <= f <= 1 for f in factors)
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert all(a >= b - 1e-12 for a, b in zip(factors[peak:], factors[peak + 1 :], strict=False))


@pytest.mark.parametrize(("total", "warmup"), [(0, 0.1), (10, 1.0), (10, -0.1)])
def test_impossible_schedules_are_refused(total: int, warmup: float) -> None:
    with pytest.raises(ValueError, match="total"):
        warmup_cosine(0, total, warmup=warmup)
