"""What autograd is not trusted with: the derivatives written by hand, and rows that share a context."""

from __future__ import annotations

import pytest
import torch

from workers.flows.conditioner import Conditioner
from workers.flows.coupling import Affine, DoubleCoupling
from workers.flows.linear_gaussian import LinearGaussian
from workers.flows.transform import Composition


def conditioner(inputs: int, depth: int) -> Conditioner:
    torch.manual_seed(2)
    net = Conditioner(inputs, 5, hidden=6, depth=depth, reach=1.0).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return net


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("contexts", [None, 2, 8])
def test_conditioner_against_finite_differences(depth: int, contexts: int | None) -> None:
    net, leaves = conditioner(3, depth), dict(conditioner(3, depth).named_parameters())
    x = (1.5 * torch.randn(8, 3, dtype=torch.float64)).requires_grad_()
    context = None if contexts is None else torch.randn(contexts, 6, dtype=torch.float64, requires_grad=True)

    def run(*values: torch.Tensor) -> torch.Tensor:
        named = dict(zip(leaves, values[2:], strict=True))
        return torch.func.functional_call(net, named, (values[0], values[1]))

    assert torch.autograd.gradcheck(run, (x, context, *leaves.values()))


def test_conditioner_is_the_network_that_it_says() -> None:
    net, x, context = conditioner(3, 2), 2 * torch.randn(8, 3).double(), torch.randn(8, 6).double()
    first, second, last = net.layers
    hidden = torch.nn.functional.leaky_relu(first(x.clamp(-1, 1)) + context, 0.01)
    assert torch.allclose(net(x, context), last(torch.nn.functional.leaky_relu(second(hidden), 0.01)))


@pytest.mark.parametrize("bound", [1.0, 0.4])
def test_affine_map_against_finite_differences(bound: float) -> None:
    x, theta = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 8, dtype=torch.float64)
    assert torch.autograd.gradcheck(Affine(bound).forward, (x.requires_grad_(), theta.requires_grad_()))


@pytest.mark.parametrize("dim", [1, 4])
def test_a_context_may_serve_many_rows(dim: int) -> None:
    torch.manual_seed(3)
    parts = [LinearGaussian(dim, 3), DoubleCoupling(dim, Affine(), hidden=6), DoubleCoupling(dim, Affine(), hidden=6)]
    chain = Composition(parts)
    with torch.no_grad():
        for parameter in chain.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    x, context = torch.randn(12, dim), torch.randn(3, chain.reads)
    for direction in (chain.run, chain.inverse):
        shared, ladj = direction(x, context)
        own, own_ladj = direction(x, context.repeat_interleave(4, dim=0))
        assert torch.allclose(shared, own, atol=1e-5)
        assert torch.allclose(ladj, own_ladj, atol=1e-5)
