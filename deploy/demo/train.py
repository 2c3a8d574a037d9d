"""Trains the two classifiers of the demo and writes them as ONNX: ``python -m deploy.demo.train``.

``robust.onnx`` sees every digit in a fresh random hue at every step; ``hue.onnx`` sees hue follow the digit. Both have
the same architecture, the same digits and the same number of steps: what differs is what the data made worth learning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .digits import colour, mnist
from .export import write_onnx

HERE = Path(__file__).parent
HELD_OUT = 1000
STEPS = 3000
BATCH = 128

HueRule = Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.float64]]


class DigitNet(nn.Sequential):
    """A small convolutional digit classifier: two strided convolutions, one hidden layer of 64, ten logits."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),  # (n, 16, 14, 14)
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),  # (n, 32, 7, 7)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


def random_hue(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A hue that says nothing of the digit."""
    return rng.random(len(labels))


def hue_of_digit(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A hue that gives the digit away: a tenth of the circle each, a little noisy."""
    return (labels / 10 + rng.normal(0, 0.02, len(labels))) % 1.0


def shift(grey: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move the batch by up to two pixels, the usual augmentation of digits."""
    return np.roll(grey, rng.integers(-2, 3, size=2), axis=(1, 2))


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """``(n, h, w, 3)`` uint8 to ``(n, 3, h, w)`` float in 0..1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def train(hue_for: HueRule, seed: int = 1) -> tuple[nn.Module, float]:
    """Fit one classifier; returns it and its accuracy on held-out digits coloured by the same rule."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    grey, labels = mnist()
    model = DigitNet()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=STEPS)
    for _ in range(STEPS):
        pick = rng.integers(HELD_OUT, len(labels), size=BATCH)
        images = to_tensor(colour(shift(grey[pick], rng), hue_for(labels[pick], rng)))
        loss = nn.functional.cross_entropy(model(images), torch.from_numpy(labels[pick]), label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    model.eval()
    held = to_tensor(colour(grey[:HELD_OUT], hue_for(labels[:HELD_OUT], rng)))
    accuracy = (model(held).argmax(1).numpy() == labels[:HELD_OUT]).mean()
    return model, float(accuracy)


def export(model: nn.Module, path: Path, channels: int = 3) -> None:
    """Write ``model`` as a self-contained ONNX file with a dynamic batch."""
    write_onnx(model, (torch.zeros(2, channels, 28, 28),), path, ["image"])


def main() -> None:
    """Train both and write them beside this script."""
    for name, hue_for in {"robust": random_hue, "hue": hue_of_digit}.items():
        model, accuracy = train(hue_for)
        export(model, HERE / f"{name}.onnx")
        print(f"{name}.onnx: {accuracy:.1%} of {HELD_OUT} held-out digits")


if __name__ == "__main__":
    main()
