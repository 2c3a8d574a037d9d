"""The rational-quadratic spline against its defining properties."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.flows.spline import RationalQuadratic


def random_theta(seed: int, spline: RationalQuadratic, rows: int, spread: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(1, spline.parameters, generator=generator, dtype=torch.float64) * spread
    return theta.expand(rows, -1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), bins=st.integers(2, 12), spread=st.floats(0.01, 6.0))
def test_it_is_increasing_continuous_and_the_identity_outside(seed: int, bins: int, spread: float) -> None:
    spline = RationalQuadratic(bins, bound=3.0)
    x = torch.linspace(-5, 5, 4001, dtype=torch.float64)[:, None]
    theta = random_theta(seed, spline, len(x), spread)
    y, ladj = spline.forward(x, theta)
    steps = y.diff(dim=0)
    assert (steps > 0).all()
    assert steps.max() < 0.0025 * ladj.exp().max() * 1.5
    outside = x.abs() > 3.0
    assert torch.equal(y[outside], x[outside])
    assert (ladj[outside[:, 0]] == 0).all()
    back, _ = spline.inverse(y, theta)
    assert (back - x).abs().max() < 1e-7


def test_it_meets_its_tails_with_value_and_slope() -> None:
    spline = RationalQuadratic(6, bound=2.0)
    x = torch.tensor([[-2.0], [2.0]], dtype=torch.float64)
    y, ladj = spline.forward(x, random_theta(3, spline, 2, 2.0))
    assert torch.allclose(y, x, atol=1e-12)
    assert torch.allclose(ladj, torch.zeros(2, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize(("bins", "bound"), [(1, 4.0), (8, 0.0), (8, -1.0)])
def test_impossible_shapes_are_refused(bins: int, bound: float) -> None:
    with pytest.raises(ValueError, match="bins"):
        RationalQuadratic(bins, bound)
