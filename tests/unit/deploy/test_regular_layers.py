"""Layers of the rotated digits: quarter turns move the maps exactly, eighths nearly, and nothing is lost in between."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from deploy.examples.regular import ORDER, GroupConvolution, Halve, Lift, RegularNet, harmonics

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def seeded() -> None:
    torch.manual_seed(3)


def turned(maps: Tensor, quarters: int) -> Tensor:
    """What the maps of a turned picture must be: turned, and their orientations shifted by two eighths a quarter."""
    return torch.roll(torch.rot90(maps, quarters, (3, 4)), 2 * quarters, 2)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_harmonics_turn_with_the_grid_and_are_independent(size: int) -> None:
    waves = harmonics(size)
    for quarters in range(4):
        torch.testing.assert_close(torch.rot90(waves[0], quarters, (1, 2)), waves[2 * quarters], atol=1e-6, rtol=0)
    assert torch.linalg.matrix_rank(waves[0].flatten(1).double(), rtol=1e-3) == waves.shape[1]


def test_half_way_between_grid_points_a_wave_keeps_its_strength() -> None:
    """An eighth of a turn samples the same function elsewhere: its norm must not depend on where."""
    norms = harmonics(7).flatten(2).norm(dim=2)
    assert (norms - 1).abs().max() < 0.1


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("side", [14, 15])
def test_lifting_is_equivariant(quarters: int, side: int) -> None:
    lift, pictures = Lift(2, 3, 5, padding=2), torch.randn(2, 2, side, side)
    torch.testing.assert_close(
        lift(torch.rot90(pictures, quarters, (2, 3))), turned(lift(pictures), quarters), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_group_convolution_is_equivariant(quarters: int) -> None:
    layer, maps = GroupConvolution(2, 3, 5, padding=2), torch.randn(2, 2, ORDER, 14, 14)
    torch.testing.assert_close(layer(turned(maps, quarters)), turned(layer(maps), quarters), atol=1e-5, rtol=0)


def test_group_convolution_mixes_orientations() -> None:
    """One that reads each orientation by itself would be equivariant too, and nearly blind."""
    layer, maps = GroupConvolution(1, 1, 5, padding=2), torch.zeros(1, 1, ORDER, 9, 9)
    maps[0, 0, 0] = torch.randn(9, 9)
    answered = (layer(maps) - layer.bias.view(1, -1, 1, 1, 1)).abs().amax(dim=(3, 4))
    assert (answered > 1e-3).all()


def test_halving_keeps_turns() -> None:
    maps = torch.randn(1, 2, ORDER, 8, 8)
    torch.testing.assert_close(Halve()(turned(maps, 1)), turned(Halve()(maps), 1))


def test_codes_shift_and_logits_stay() -> None:
    net = RegularNet()
    _disturb_statistics(net)
    pictures = torch.rand(3, 1, 28, 28)
    with torch.no_grad():
        for quarters in (1, 2, 3):
            posed = torch.rot90(pictures, quarters, (2, 3))
            shifted = torch.roll(net.codes(pictures), 2 * quarters, 2)
            torch.testing.assert_close(net.codes(posed), shifted, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(net(posed), net(pictures), atol=1e-5, rtol=1e-5)


def test_an_eighth_shifts_by_one_nearly() -> None:
    """On a smooth picture, whose turned twin is known in closed form: of all shifts, one fits best."""
    net = RegularNet()
    _disturb_statistics(net)
    with torch.no_grad():
        codes, posed = net.codes(_bar(0.0)), net.codes(_bar(torch.pi / 4))
    apart = torch.stack([(posed - torch.roll(codes, shift, 2)).norm() for shift in range(ORDER)])
    assert apart.argmin() == 1
    assert apart[1] < 0.6 * apart.median()


def test_gradients_reach_every_parameter() -> None:
    net = RegularNet()
    net(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().max() > 0 for name, p in net.named_parameters() if "bias" not in name
    )


def _bar(angle: float) -> Tensor:
    """A soft bar with one heavy end, turned anticlockwise."""
    axis = torch.arange(28) - 13.5
    x, y = axis[None, :], -axis[:, None]
    along = x * torch.cos(torch.tensor(angle)) + y * torch.sin(torch.tensor(angle))
    across = -x * torch.sin(torch.tensor(angle)) + y * torch.cos(torch.tensor(angle))
    return (torch.exp(-((along / 7) ** 2) - (across / 2.5) ** 2) * (1 + along / 10))[None, None]


def _disturb_statistics(net: RegularNet) -> None:
    """As after training: every field has its own mean and scale."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    net.eval()
