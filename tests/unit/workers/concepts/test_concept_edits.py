"""Edits touch one factor, are exact, and keep codes in their distribution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from workers.concepts.edits import place
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


def swap(inn: ConceptINN, kept: Tensor, given: Tensor, name: str) -> Tensor:
    return place(inn, kept, name, inn.read(given, name))


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
    for name in ("a", "b", "residual"):
        close(swap(inn, codes(1), codes(1), name), codes(1))


def test_swapping_every_factor_gives_the_other_code(inn: ConceptINN) -> None:
    moved = codes(1)
    for name in ("a", "residual", "b"):
        moved = swap(inn, moved, codes(2), name)
    close(moved, codes(2))


def test_an_unknown_factor_is_refused(inn: ConceptINN) -> None:
    with pytest.raises(KeyError, match="colour"):
        place(inn, codes(1), "colour", torch.zeros(5, 2))
