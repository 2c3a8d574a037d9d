"""The average against its recursion."""

from __future__ import annotations

import pytest
import torch

from workers.training.ema import Ema


def test_it_follows_its_recursion_and_swaps_back() -> None:
    weights = torch.randn(4)
    ema = Ema(weights, 0.9)
    expected = weights.clone()
    for t in range(30):
        weights.add_(torch.randn(4))
        ema.update()
        decay = min(0.9, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * weights
    live = weights.clone()
    with ema.applied():
        assert torch.allclose(weights, expected, atol=1e-5)
    assert torch.equal(weights, live)


def test_weights_come_back_after_an_error_inside() -> None:
    weights = torch.ones(3)
    ema = Ema(weights)
    weights.zero_()
    with pytest.raises(KeyError), ema.applied():
        raise KeyError
    assert torch.equal(weights, torch.zeros(3))


def test_a_snapshot_is_a_copy() -> None:
    weights = torch.ones(2)
    ema = Ema(weights, 0.0)
    before = ema.snapshot()
    weights.fill_(9.0)
    ema.update()
    assert torch.equal(before, torch.ones(2))
    assert torch.equal(ema.snapshot(), weights)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_impossible_decays_are_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay"):
        Ema(torch.zeros(1), decay)
