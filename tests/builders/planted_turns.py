"""Nets whose symmetry under quarter turns is built in, averaged in, broken at one tap, or merely learned (P8).

Group convolutions in the regular representation (Cohen and Welling, Group Equivariant Convolutional Networks, 2016):
channel ``4 f + g`` is field ``f`` as its filter sees it, turned by ``g`` quarters. Every size is kept or halved by
windows that tile the picture, so that no grid prefers a corner, and zeros around a picture turn with it.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.builders.planted_nets import Pixels, as_input
from tests.builders.planted_scenes import SHAPES, SIDE, References, Scenes, render

ORDER = 4
FIELDS = 7
HIDDEN = 32
STEPS = 400
BATCH = 96
PICTURES = 6_000

Net = TypeVar("Net", bound=nn.Module)


class Lifting(nn.Module):
    """``(n, 1, h, w)`` to ``FIELDS`` regular fields ``(n, 4 FIELDS, h, w)``: each filter in all four turns."""

    def __init__(self, fields: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fields, 1, side, side) / side)
        self.bias = nn.Parameter(0.1 * torch.randn(fields))

    def expanded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the ordinary convolution that this is."""
        turned = torch.stack([torch.rot90(self.weight, g, (2, 3)) for g in range(ORDER)], dim=1)
        return turned.flatten(0, 1), self.bias.repeat_interleave(ORDER)

    def forward(self, images: Tensor) -> Tensor:
        weight, bias = self.expanded()
        return nn.functional.conv2d(images, weight, bias, padding=weight.shape[-1] // 2)


class Turning(Lifting):
    """Regular fields to regular fields: a turn of the filter also shifts the four places within each of its fields."""

    def __init__(self, fields: int, side: int) -> None:
        super().__init__(fields, side)
        self.weight = nn.Parameter(torch.randn(fields, fields, ORDER, side, side) / (side * fields**0.5))

    def expanded(self) -> tuple[Tensor, Tensor]:
        turned = [torch.rot90(self.weight, g, (3, 4)).roll(g, dims=2) for g in range(ORDER)]
        return torch.stack(turned, dim=1).flatten(2, 3).flatten(0, 1), self.bias.repeat_interleave(ORDER)


def group_net(*, place: bool = False) -> nn.Sequential:
    """Lifting, halving, one group convolution; then maxima over places and turns, or with ``place`` all of it."""
    head: list[nn.Module] = (
        [nn.Flatten(), nn.Linear(ORDER * FIELDS * (SIDE // 2) ** 2, HIDDEN)]
        if place
        else [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.MaxPool1d(ORDER), nn.Linear(FIELDS, HIDDEN)]
    )
    return nn.Sequential(
        Lifting(FIELDS, 5), nn.ReLU(), nn.MaxPool2d(2), Turning(FIELDS, 3), nn.ReLU(), *head, nn.ReLU(),
        nn.Linear(HIDDEN, len(SHAPES)),
    )  # fmt: skip


def ordinary_net() -> nn.Sequential:
    """Two convolutions, a global maximum, a head: nothing in it knows of turns."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(SHAPES)),
    )  # fmt: skip


class Voting(nn.Module):
    """The mean of what an ordinary net says of the four turns of a picture."""

    def __init__(self, voter: nn.Sequential) -> None:
        super().__init__()
        self.voter = voter

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([self.voter(torch.rot90(images, g, (2, 3))) for g in range(ORDER)]).mean(dim=0)


def corner(scenes: Scenes) -> NDArray[np.int64]:
    """Four classes of turn and place: two turns against the other two, and the side of a diagonal."""
    return 2 * (scenes.turn < 2) + (scenes.x + scenes.y > 0).astype(np.int64)


def brightness(images: Pixels) -> Pixels:
    """The HSV value, ``(n, 1, 20, 20)``: at full saturation no hue is in it, and all three channels are alike to it."""
    return np.asarray(images.max(axis=1, keepdims=True))


@cache
def trained_group_net() -> nn.Sequential:
    """Learns the shape."""
    torch.manual_seed(0)
    return _trained(group_net(), _turned().shape)


@cache
def trained_placed_net() -> nn.Sequential:
    """Learns :func:`corner`."""
    torch.manual_seed(0)
    return _trained(group_net(place=True), corner(_turned()))


@cache
def trained_voter() -> nn.Sequential:
    """Learns the shape through the mean of its four votes."""
    torch.manual_seed(0)
    return _trained(Voting(ordinary_net()), _turned().shape).voter


@cache
def trained_on_turns() -> nn.Sequential:
    """Learns the shape in every orientation: all that augmentation by turns can do."""
    torch.manual_seed(0)
    return _trained(ordinary_net(), _turned().shape)


@cache
def _turned() -> Scenes:
    return References(turned=True, seed=102).draw(PICTURES)


def _trained(net: Net, classes: NDArray[np.int64]) -> Net:
    inputs, labels = torch.from_numpy(brightness(as_input(render(_turned())))), torch.from_numpy(classes)
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-3, total_steps=STEPS)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        pick = torch.randint(len(inputs), (BATCH,), generator=generator)
        loss = nn.functional.cross_entropy(net(inputs[pick]), labels[pick], label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    net.eval()
    return net
