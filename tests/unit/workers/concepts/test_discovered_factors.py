"""Discovered factors: the direction that draws most comes first, whatever the codes' own axes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from workers.concepts.discovered import Discovered, discover, load, resemblance, save
from workers.flows.fitting import InnProfile, fit_unconditional
from workers.flows.inn import InnConfig
from workers.training.checkpoints import CheckpointError
from workers.training.loop import FitConfig

BRIEF = InnProfile(InnConfig(blocks=2, hidden=16), FitConfig(steps=10, learning_rate=1e-4, evaluate_every=5), batch=64)
GAINS = (5.0, 3.0, 1.0, 0.5, 0.1)


def rotation(dim: int) -> Tensor:
    return torch.linalg.qr(torch.randn(dim, dim, generator=torch.Generator().manual_seed(7)))[0]


@pytest.fixture(scope="module")
def numbers() -> Tensor:
    """Independent standard normal numbers behind the codes."""
    return torch.randn(800, len(GAINS), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def found(numbers: Tensor) -> Discovered:
    """Codes are a rotation of the numbers; the picture is the numbers again, each times its gain."""
    turn = rotation(len(GAINS))
    codes = numbers @ turn.T
    flow = fit_unconditional(codes, torch.zeros_like(codes), BRIEF, torch.Generator().manual_seed(0)).inn
    columns = {"brightness": numbers[:, :1].double().numpy(), "noise": np.random.default_rng(0).random((800, 1))}
    return discover(flow, codes, lambda c: (c @ turn) * torch.tensor(GAINS), columns, points=16, keep=3)


def test_directions_come_by_the_variance_they_draw(found: Discovered, numbers: Tensor) -> None:
    read = found.read(numbers @ rotation(len(GAINS)).T)
    for i in range(3):
        r = float(torch.corrcoef(torch.stack([read[:, i], numbers[:, i]]))[0, 1])
        assert abs(r) > 0.97
    energy = np.square(GAINS)
    assert found.shares == pytest.approx(tuple(energy[:3] / energy.sum()), abs=0.05)


def test_directions_are_orthonormal_and_named_by_what_they_resemble(found: Discovered) -> None:
    torch.testing.assert_close(found.directions @ found.directions.T, torch.eye(3), atol=1e-5, rtol=0)
    assert found.names[0] == "discovered 1 (like brightness, r 1.00)"
    assert found.names[1:] == ("discovered 2", "discovered 3")
    assert found.likeness[0] == pytest.approx(1, abs=0.05)
    assert found.likeness[1:] == (None, None)


def test_placing_moves_one_coordinate(found: Discovered, numbers: Tensor) -> None:
    codes = (numbers @ rotation(len(GAINS)).T)[:10]
    read = found.read(codes)
    torch.testing.assert_close(found.place(codes, 1, read[:, 1]), codes, atol=1e-4, rtol=1e-4)
    moved = found.read(found.place(codes, 1, torch.full((10,), 2.0)))
    torch.testing.assert_close(moved[:, 1], torch.full((10,), 2.0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(moved[:, [0, 2]], read[:, [0, 2]], atol=1e-4, rtol=1e-4)


def test_storage_is_bit_for_bit(found: Discovered, numbers: Tensor) -> None:
    again = load(save(found))
    assert torch.equal(again.read(numbers), found.read(numbers))
    assert (again.names, again.shares, again.likeness) == (found.names, found.shares, found.likeness)
    with pytest.raises(CheckpointError):
        load(save(found)[:-3])


def test_many_classes_are_no_likeness_by_themselves() -> None:
    """200 classes of 400 rows explain half of any noise; adjusted, they explain nothing."""
    draw = np.random.default_rng(0)
    classes = np.eye(200)[draw.integers(0, 200, 400)]
    assert resemblance(draw.standard_normal(400), {"class": classes})[0] is None


def test_unknown_values_and_constants_do_not_count() -> None:
    reading = np.linspace(-1, 1, 50)
    column = np.where(np.arange(50) % 2, reading, np.nan)[:, None]
    name, r = resemblance(reading, {"constant": np.ones((50, 1)), "half": column, "none": np.full((50, 1), np.nan)})
    assert (name, r) == ("half", pytest.approx(1))
