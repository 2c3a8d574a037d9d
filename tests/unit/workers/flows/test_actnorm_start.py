"""ActNorm sets itself by explicit data only."""

from __future__ import annotations

import pytest
import torch

from workers.flows.actnorm import ActNorm, NotInitialised
from workers.flows.mixing import Permutation
from workers.flows.transform import Composition


def test_the_first_batch_comes_out_standardised() -> None:
    batch = torch.randn(500, 4, dtype=torch.float64) * torch.tensor([0.01, 1.0, 5.0, 300.0]) + 7
    layer = ActNorm(4).double()
    out = layer.initialise(batch)
    assert torch.allclose(out.mean(dim=0), torch.zeros(4, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(out.std(dim=0, correction=0), torch.ones(4, dtype=torch.float64), atol=1e-9)


def test_both_directions_refuse_before_the_start_also_in_eval_mode() -> None:
    for layer in (ActNorm(3), ActNorm(3).eval()):
        with pytest.raises(NotInitialised):
            layer(torch.zeros(2, 3))
        with pytest.raises(NotInitialised):
            layer.inverse(torch.zeros(2, 3))


def test_using_it_never_changes_it() -> None:
    layer = ActNorm(2)
    layer.initialise(torch.randn(10, 2))
    before = {name: leaf.clone() for name, leaf in layer.state_dict().items()}
    layer.train()(100 + torch.randn(10, 2))
    assert all(torch.equal(before[name], leaf) for name, leaf in layer.state_dict().items())


def test_a_constant_dimension_and_a_single_row_stay_finite() -> None:
    layer = ActNorm(2)
    out = layer.initialise(torch.tensor([[1.0, 5.0]]))
    assert torch.equal(out, torch.zeros(1, 2))
    assert torch.equal(layer.log_scale, torch.zeros(2))


def test_a_composition_starts_each_layer_by_what_reaches_it() -> None:
    torch.manual_seed(0)
    batch = torch.randn(300, 3) * torch.tensor([1.0, 10.0, 0.1])
    second = ActNorm(3)
    Composition([ActNorm(3), Permutation(3), second]).initialise(batch)
    assert torch.allclose(second.log_scale, torch.zeros(3), atol=1e-5)


def test_the_start_is_saved_with_the_weights() -> None:
    layer, copy = ActNorm(2), ActNorm(2)
    layer.initialise(torch.randn(10, 2))
    copy.load_state_dict(layer.state_dict())
    x = torch.randn(4, 2)
    assert torch.equal(copy(x)[0], layer(x)[0])
