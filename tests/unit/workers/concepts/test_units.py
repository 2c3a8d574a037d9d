"""Units of a layer as codes: nothing is lost on the way there and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from workers.concepts.units import Units, fit_units
from workers.tensors import ShapeError


def layer(n: int = 200, seed: int = 0) -> Tensor:
    """Rectified, of very different scales; unit 2 is constant, unit 5 is dead, unit 7 is three times unit 1."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, 6, generator=generator) @ torch.randn(6, 8, generator=generator)
    values = mixed.relu() * torch.logspace(-3, 3, 8)
    values[:, 2], values[:, 5] = 4.5, 0.0
    values[:, 7] = 3 * values[:, 1]
    return values


def replaced(units: Units, values: Tensor, codes: Tensor) -> Tensor:
    return values + units.change(units.read(values), codes)


def test_constants_are_left_out_and_duplicates_share_a_direction() -> None:
    units = fit_units(layer())
    assert units.rank == 5
    assert units.scale[[2, 5]].tolist() == [0, 0]
    assert torch.allclose(units.basis.T @ units.basis, torch.eye(5), atol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_codes_put_in_place_are_read_again(seed: int) -> None:
    units, values = fit_units(layer()), layer(seed=seed)[:20]
    codes = torch.randn(20, units.rank, generator=torch.Generator().manual_seed(seed))
    again = units.read(replaced(units, values, codes))
    torch.testing.assert_close(again, codes, atol=1e-3, rtol=1e-3)


def test_nothing_changed_is_nothing_changed_even_off_the_span() -> None:
    units, strange = fit_units(layer()), layer(seed=9)
    strange[:, 2], strange[:, 5], strange[:, 7] = 1.0, 2.0, 3.0
    assert torch.equal(replaced(units, strange, units.read(strange)), strange)
    moved = replaced(units, strange, units.read(strange) + 1)
    assert torch.equal(moved[:, [2, 5]], strange[:, [2, 5]])
    assert torch.allclose(moved[:, 7] - strange[:, 7], 3 * (moved[:, 1] - strange[:, 1]), rtol=1e-3)


def test_standardised_units_weigh_the_same_whatever_their_scale() -> None:
    units, loud = fit_units(layer()), fit_units(layer() * torch.logspace(2, -2, 8))
    torch.testing.assert_close(units.basis.abs(), loud.basis.abs(), atol=2e-3, rtol=1e-2)
    assert units.read(layer()).square().mean(dim=0).sum() == pytest.approx(6, rel=1e-3)


def test_a_layer_where_nothing_varies_has_no_codes() -> None:
    units = fit_units(torch.full((30, 4), 2.0))
    assert units.rank == 0
    assert units.read(torch.zeros(3, 4)).shape == (3, 0)


def test_only_a_matrix_is_a_layer() -> None:
    with pytest.raises(ShapeError):
        fit_units(torch.zeros(5))
