"""The loss is the likelihood of a pair: checked against the joint normal of the stacked pair."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from workers.concepts.model import ConceptINN, factors_of
from workers.concepts.objective import PairLikelihood, pair_nll
from workers.flows.inn import InnConfig


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stacked_nll(first: Tensor, second: Tensor, rho: Tensor) -> Tensor:
    """``-log N([a, b]; 0, [[I, R], [R, I]])`` of one pair."""
    cross, unit = torch.diag(rho), torch.eye(len(rho))
    joint = torch.cat([torch.cat([unit, cross], 1), torch.cat([cross, unit], 1)])
    return -MultivariateNormal(torch.zeros(2 * len(rho)), joint).log_prob(torch.cat([first, second]))


def test_it_is_the_joint_normal_of_the_stacked_pair() -> None:
    first, second = torch.randn(2, 6, 5, generator=seeded())
    rho = torch.rand(6, 5, generator=seeded(1)) * 1.9 - 0.95
    expected = torch.stack([stacked_nll(*row) for row in zip(first, second, rho, strict=True)])
    torch.testing.assert_close(pair_nll(first, second, rho, torch.zeros(6)), expected)


def test_it_is_the_average_of_both_directions() -> None:
    first, second = torch.randn(2, 4, 3, generator=seeded())
    rho = torch.full((4, 3), 0.975)
    both = pair_nll(first, second, rho, torch.zeros(4)) + pair_nll(second, first, rho, torch.zeros(4))
    torch.testing.assert_close(both / 2, pair_nll(first, second, rho, torch.zeros(4)))


def test_a_pair_that_shares_nothing_costs_what_two_images_cost() -> None:
    first, second = torch.randn(2, 4, 3, generator=seeded())
    alone = -torch.distributions.Normal(0.0, 1.0).log_prob(torch.cat([first, second], 1)).sum(1)
    torch.testing.assert_close(pair_nll(first, second, torch.zeros(4, 3), torch.ones(4)), alone - 1)


def test_the_true_correlation_is_the_cheapest() -> None:
    """Fails when the term (N/2) log(1 - rho^2) is dropped: then no correlation is the cheapest."""
    first, noise = torch.randn(2, 20_000, 1, generator=seeded())
    second = 0.6 * first + 0.8 * noise
    grid = torch.linspace(0, 0.95, 96)
    costs = [float(pair_nll(first, second, torch.full_like(first, float(r)), torch.zeros(1)).mean()) for r in grid]
    assert float(grid[torch.tensor(costs).argmin()]) == pytest.approx(0.6, abs=0.03)


def planted(learned: list[bool]) -> PairLikelihood:
    inn = ConceptINN(7, factors_of(["a", "b"], [2, 2], [0.9, 0.5], 7), InnConfig(blocks=1, hidden=8))
    return PairLikelihood(inn, learned)


@pytest.mark.parametrize("shared", [(1, 0), (0, 1), (1, 1), (0, 0)])
def test_masks_say_which_blocks_are_correlated(shared: tuple[int, int]) -> None:
    """An untrained network is a rotation, so the pair's density follows from the rotated codes."""
    model = planted([False, False])
    first, second = torch.randn(2, 3, 7, generator=seeded())
    rho = torch.tensor([0.9 * shared[0]] * 2 + [0.5 * shared[1]] * 2 + [0.0] * 3)
    e = [model.inn.encode(side) for side in (first, second)]
    expected = torch.stack([stacked_nll(a, b, rho) for a, b in zip(*e, strict=True)])
    found = model.nll(first, second, torch.tensor([shared]).repeat(3, 1))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)


def test_only_learned_correlations_learn() -> None:
    model = planted([False, True])
    assert model.rho().tolist() == pytest.approx([0.9, 0.5], abs=1e-5)
    model.nll(*torch.randn(2, 3, 7, generator=seeded()), torch.ones(3, 2)).sum().backward()
    assert model.strength.grad is not None
    assert model.strength.grad[0] == 0
    assert model.strength.grad[1] != 0
