"""One vector behind the parameters: the module computes with it, autograd writes to its twin."""

from __future__ import annotations

import torch
from torch import nn

from workers.training.flat import FlatParameters


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def test_moving_changes_no_answer_and_the_vector_drives_the_module() -> None:
    module, x = network(), torch.randn(5, 3)
    before = module(x)
    flat = FlatParameters(list(module.parameters()))
    assert torch.equal(module(x), before)
    flat.values.zero_()
    assert torch.equal(module(x), torch.zeros(5, 2))
    assert flat.values.numel() == sum(p.numel() for p in module.parameters())


def test_gradients_arrive_in_the_vector_and_unused_parameters_get_none() -> None:
    module, twin, x = network(), network(), torch.randn(5, 3)
    unused = nn.Parameter(torch.ones(2, 2))
    flat = FlatParameters([*module.parameters(), unused])
    module(x).square().sum().backward()
    twin(x).square().sum().backward()
    for mine, theirs in zip(module.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)
    expected = torch.stack([p.grad.square().sum() for p in twin.parameters()]).sum()
    assert torch.isclose(flat.gradients.square().sum(), expected)
    assert torch.equal(unused.grad, torch.zeros(2, 2))


def test_matrices_and_vectors_are_told_apart_and_share_memory() -> None:
    module = network()
    flat = FlatParameters(list(module.parameters()))
    matrices, vectors = flat.matrices_and_vectors()
    assert (matrices.numel(), vectors.numel()) == (3 * 4 + 4 * 2, 4 + 2)
    with torch.no_grad():
        vectors.fill_(7.0)
    assert torch.equal(module[0].bias, torch.full((4,), 7.0))
    assert (module[0].weight != 7.0).all()
    assert torch.equal(vectors.grad, torch.zeros(6))


def test_released_parameters_hold_no_gradients() -> None:
    module = network()
    FlatParameters(list(module.parameters())).release()
    assert all(p.grad is None for p in module.parameters())
