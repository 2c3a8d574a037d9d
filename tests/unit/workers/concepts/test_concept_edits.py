"""Edits touch one factor, are exact, and stay in the factor's distribution."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from workers.concepts.edits import interpolate, place, resample, swap, walk
from workers.concepts.model import ConceptINN, factors_of
from workers.flows.inn import InnConfig


@pytest.fixture(scope="module")
def inn() -> ConceptINN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ConceptINN(9, factors_of(["a", "b"], [2, 4], [0.9, 0.9], 9), InnConfig(blocks=3, hidden=16)).eval()
        for name, leaf in network.named_parameters():
            if "last" in name:
                nn.init.normal_(leaf, std=0.2)
    return network


def codes(seed: int, n: int = 5) -> Tensor:
    return torch.randn(n, 9, generator=torch.Generator().manual_seed(seed))


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


def test_a_swap_takes_one_factor_and_keeps_the_others(inn: ConceptINN) -> None:
    swapped = swap(inn, codes(1), codes(2), "b")
    close(inn.read(swapped, "b"), inn.read(codes(2), "b"))
    for name in ("a", "residual"):
        close(inn.read(swapped, name), inn.read(codes(1), name))


def test_swapping_back_gives_the_code_back(inn: ConceptINN) -> None:
    close(swap(inn, swap(inn, codes(1), codes(2), "a"), codes(1), "a"), codes(1))


def test_putting_a_factor_where_it_is_changes_nothing(inn: ConceptINN) -> None:
    close(place(inn, codes(1), "residual", inn.read(codes(1), "residual")), codes(1))


def test_interpolation_goes_from_one_to_the_other(inn: ConceptINN) -> None:
    path = interpolate(inn, codes(1), codes(2), "a", 5)
    assert path.shape == (5, 5, 9)
    close(path[:, 0], codes(1))
    close(path[:, -1], swap(inn, codes(1), codes(2), "a"))
    close(inn.read(path[:, 2], "a"), (inn.read(codes(1), "a") + inn.read(codes(2), "a")) / 2)


def test_resampling_draws_the_standard_normal_in_one_factor(inn: ConceptINN) -> None:
    drawn = resample(inn, codes(1, 2), "b", 4000, torch.Generator().manual_seed(3))
    assert drawn.shape == (2, 4000, 9)
    values = inn.read(drawn.flatten(0, 1), "b")
    assert values.mean(dim=0).abs().max() < 0.06
    assert (values.var(dim=0) - 1).abs().max() < 0.08
    close(inn.read(drawn[:, 7], "a"), inn.read(codes(1, 2), "a"))


@pytest.mark.parametrize("rate", [0.05, 1.0])
def test_a_walk_is_stationary(inn: ConceptINN, rate: float) -> None:
    """Starting in N(0, I) every step is N(0, I), and neighbouring steps correlate by exp(-rate)."""
    start = resample(inn, codes(1, 1), "a", 4000, torch.Generator().manual_seed(4))[0]
    path = walk(inn, start, "a", 4, torch.Generator().manual_seed(5), rate)
    assert path.shape == (4000, 4, 9)
    close(path[:, 0], start)
    steps = [inn.read(path[:, i], "a") for i in range(4)]
    assert abs(float(steps[-1].var()) - 1) < 0.08
    correlation = float((steps[2] * steps[3]).mean() / steps[2].var())
    assert correlation == pytest.approx(math.exp(-rate), abs=0.05)
    close(inn.read(path[:, 3], "residual"), inn.read(start, "residual"))
