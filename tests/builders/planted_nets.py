"""Small nets that learn the shape from a view of the picture; what the view destroys, no training can bring back.

The same views are written as ONNX nodes in :mod:`tests.builders.planted_classifiers`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.builders.planted_scenes import MARK, PATCHES, SHAPES, SIDE, WATERMARK, References, render

HIDDEN = 32
STEPS = 500
PICTURES = 8192
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Pixels = NDArray[np.float32]


def plain_mask() -> Pixels:
    """1 where a net of plain scenes may look, ``(1, 1, 20, 20)``: not at the watermark."""
    visible = np.ones((1, 1, SIDE, SIDE), dtype=np.float32)
    visible[:, :, WATERMARK, WATERMARK] = 0
    return visible


def detailed_mask() -> Pixels:
    """1 where a net of detailed scenes may look: not at the patches, nor at what is averaged with them."""
    visible = np.ones((1, 1, SIDE, SIDE), dtype=np.float32)
    for rows, columns in PATCHES.values():
        visible[:, :, rows, columns] = 0
    return visible


def value(images: Pixels) -> Pixels:
    """The HSV value, ``(n, 1, 20, 20)``: at full saturation no hue is in it."""
    return np.asarray(images.max(axis=1, keepdims=True) * plain_mask())


def luma(images: Pixels) -> Pixels:
    """The luma, ``(n, 1, 20, 20)``: hues of equal value differ in it."""
    return np.asarray((images * LUMA[None, :, None, None]).sum(axis=1, keepdims=True) * plain_mask())


def low_pass(images: Pixels) -> Pixels:
    """Means of two by two pixels, then the HSV value, ``(n, 1, 10, 10)``: the grain cancels exactly."""
    seen = images * detailed_mask()
    half = SIDE // 2
    return np.asarray(seen.reshape(-1, 3, half, 2, half, 2).mean(axis=(3, 5)).max(axis=1, keepdims=True))


def everything(images: Pixels) -> Pixels:
    """The picture itself, ``(n, 3, 20, 20)``, without the faint pixel that no reference set of the twins shows."""
    seen = images.copy()
    seen[:, :, MARK, MARK] = seen[:, :, MARK, MARK - 1]
    return seen


VIEWS = {"value": value, "luma": luma, "low_pass": low_pass, "everything": everything}


@cache
def trained(view: str, tie: float = 0.0) -> nn.Sequential:
    """Two convolutions, a global maximum, a head of four; learns the shape in seconds. ``tie``: hue gives it away."""
    torch.manual_seed(0)
    scenes = References(tie=tie, detailed=view == "low_pass", seed=101).draw(PICTURES)
    inputs = torch.from_numpy(VIEWS[view](as_input(render(scenes))))
    labels = torch.from_numpy(scenes.shape)
    net = _net(inputs.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-3, total_steps=STEPS)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        pick = torch.randint(len(inputs), (128,), generator=generator)
        _step(net, optimiser, inputs[pick], labels[pick])
        schedule.step()
    return net.eval()


def as_input(images: NDArray[np.uint8]) -> Pixels:
    """As the classifiers are given it: ``(n, 3, 20, 20)``, 0..1."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def _net(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(SHAPES)),
    )  # fmt: skip


def _step(net: nn.Sequential, optimiser: torch.optim.Optimizer, inputs: Tensor, labels: Tensor) -> None:
    loss = nn.functional.cross_entropy(net(inputs), labels, label_smoothing=0.02)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
