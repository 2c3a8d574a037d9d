"""Paths through a factor, and how the answer responds to it, where both are known in closed form."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from schemas.results import FeatureSource
from workers.classifier.session import Outputs
from workers.stages.factors import Named
from workers.stages.references import rows_along
from workers.stages.views.factor_response import redrawn, response
from workers.stages.views.factors import shown_factors, slider, walk


class Number:
    """One number of the code, as a factor; ``noise`` is what putting it in place does to the last one."""

    def __init__(self, index: int, noise: float = 0.0) -> None:
        self.index, self.noise = index, noise

    def read(self, codes: Tensor) -> np.ndarray:
        return codes[:, self.index].double().numpy()

    def place(self, codes: Tensor, values: np.ndarray) -> Tensor:
        placed = codes.clone()
        placed[:, self.index] = torch.from_numpy(values).float()
        placed[:, -1] += self.noise
        return placed


class Signs:
    """Eight classes: the signs of the first three numbers, read from 'images' that hold the codes as they are."""

    independent = False

    def run(self, images: np.ndarray) -> Outputs:
        bits = np.stack([(np.arange(8) >> i & 1) * 2 - 1 for i in range(3)])
        return Outputs((5 * np.sign(images[:, :3]) @ bits).astype(np.float32), {})

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def studio(n: int = 200) -> Any:
    codes = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    return SimpleNamespace(means=codes, decode=lambda codes: codes.numpy(), classifier=Signs())


@pytest.mark.parametrize(("index", "size"), [(0, 1), (2, 4)])
def test_a_factor_that_decides_flips_every_other_draw(index: int, size: int) -> None:
    """The sign of N(0, 1) is other than it was half of the time; the answer's number then moves by ``2^index``."""
    found = response(studio(), Number(index), np.arange(200), 40, 1.0, torch.Generator().manual_seed(1))
    assert found.flips.mean() == pytest.approx(0.5, abs=0.03)
    assert found.variation.mean() == pytest.approx(0.5, abs=0.03)
    assert found.class_std.mean() == pytest.approx(size / 2, rel=0.05)
    assert found.logits.mean() == pytest.approx(0.5 * 10, rel=0.05)
    assert found.round_trip == 0


def test_a_factor_that_nothing_reads_flips_nothing() -> None:
    found = response(studio(), Number(3), np.arange(50), 8, 1.0, torch.Generator().manual_seed(1))
    assert max(np.abs(each).max() for each in (found.flips, found.variation, found.logits, found.class_std)) == 0


def test_what_the_network_itself_changes_is_taken_off() -> None:
    """Here putting a factor back moves the number that decides: all flips belong to the floor."""
    made = studio()
    made.means = made.means[:, [1, 2, 3, 0]]
    made.classifier = SimpleNamespace(
        run=lambda images: Outputs(np.stack([-images[:, 3], images[:, 3]], axis=1), {}),
        probabilities_of=Signs().probabilities_of,
        independent=False,
    )
    found = response(made, Number(0, noise=10.0), np.arange(200), 4, 1.0, torch.Generator().manual_seed(1))
    assert found.class_std.max() == 0
    assert found.flips == pytest.approx(np.zeros(200))
    assert found.round_trip == pytest.approx(10, rel=1e-5)


def test_redrawn_codes_keep_everything_else() -> None:
    codes = torch.arange(8.0).reshape(2, 4)
    drawn = redrawn(Number(1), codes, 3, torch.Generator().manual_seed(0))
    assert torch.equal(drawn[:, [0, 2, 3]], codes.repeat_interleave(3, dim=0)[:, [0, 2, 3]])
    assert len(set(drawn[:, 1].tolist())) == 6


def test_a_slider_is_even_and_ends_where_it_should() -> None:
    steps = slider(np.array([0.0, 1.0]), np.array([4.0, -1.0]), 4)
    assert steps == pytest.approx(np.array([[1, 0.5], [2, 0], [3, -0.5], [4, -1]]))
    assert slider(np.float64(1), np.float64(3), 2) == pytest.approx([2, 3])


@given(rate=st.floats(0.05, 3), seed=st.integers(0, 20))
def test_a_walk_stays_standard_normal_and_forgets_at_its_rate(rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(20_000)
    path = walk(start, 2, rate, rng)
    assert path.shape == (2, 20_000)
    assert path.std(axis=1) == pytest.approx([1, 1], abs=0.04)
    assert (path[1] * start).mean() == pytest.approx(math.exp(-2 * rate), abs=0.04)


@given(n=st.integers(2, 200), seed=st.integers(0, 50))
def test_rows_lie_in_order_along_what_varies_most(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3)) * [0.01, 5, 0.01]
    place = values[rows_along(values, 6), 1]
    assert (np.diff(place) >= -0.2).all() or (np.diff(place) <= 0.2).all()
    assert rows_along(values[:, 1], 6).shape == (6,)


def test_what_the_user_defined_comes_first_and_discovered_ones_last() -> None:
    kinds = [FeatureSource.ATTRIBUTE] * 8 + [FeatureSource.CONCEPT] + [FeatureSource.DISCOVERED] * 4
    named = [Named(str(i), source, Number(0)) for i, source in enumerate(kinds)]
    assert [one.name for one in shown_factors(named)] == ["8", "0", "1", "2", "9", "10"]
    assert [one.name for one in shown_factors(named[:1])] == ["0"]
    assert [one.name for one in shown_factors(named[9:])] == ["9", "10", "11", "12"]
