"""The average against its recursion."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workers.training.ema import Ema


def test_it_follows_its_recursion_and_swaps_back() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    expected = module.weight.detach().clone()
    for t in range(30):
        with torch.no_grad():
            module.weight.add_(torch.randn(2, 2))
        ema.update()
        decay = min(0.9, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * module.weight.detach()
    live = module.weight.detach().clone()
    with ema.applied():
        assert torch.allclose(module.weight, expected, atol=1e-5)
    assert torch.equal(module.weight, live)


def test_weights_come_back_after_an_error_inside() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module)
    with torch.no_grad():
        module.weight.zero_()
    with pytest.raises(KeyError), ema.applied():
        raise KeyError
    assert torch.equal(module.weight, torch.zeros(2, 2))


def test_a_snapshot_is_a_copy() -> None:
    module = nn.Linear(1, 1)
    ema = Ema(module, 0.0)
    before = ema.snapshot()
    kept = [leaf.clone() for leaf in before]
    with torch.no_grad():
        module.weight.fill_(9.0)
    ema.update()
    assert all(torch.equal(a, b) for a, b in zip(before, kept, strict=True))


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_impossible_decays_are_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay"):
        Ema(nn.Linear(1, 1), decay)
