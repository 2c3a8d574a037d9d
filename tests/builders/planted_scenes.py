"""Pictures whose every factor is known and can be changed alone: the ground truth of ``make planted``.

A coloured shape (disc, square, cross, ring) on a grey background, a bright watermark in the upper left corner and a
faint single pixel in the lower right one. All factors are independent unless the scene ties hue to shape.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

SIDE = 20
SHAPES = ("disc", "square", "cross", "ring")
WATERMARK = slice(1, 4)
"""Rows and columns of the watermark."""
MARK = 17
"""Row and column of the faint pixel; its neighbour to the left is background."""
FAINT = 0.08
COLUMNS = ("hue", "watermark", "mark", "background")
CLASSES = frozenset({"shape", "watermark", "mark"})
FAR = 0.7
"""Smallest change of a number or an angle that counts as one, in standard deviations."""
FACTORS = ("shape", *COLUMNS, "x", "y", "radius")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scenes:
    """Factors of ``n`` pictures, ``(n,)`` each. ``x``, ``y``, ``radius`` in pixels, ``hue`` 0..1, the rest 0..1."""

    shape: NDArray[np.int64]
    hue: Floats
    value: Floats
    x: Floats
    y: Floats
    radius: Floats
    background: Floats
    watermark: Floats
    mark: Floats

    def resample(self, factor: str, rng: np.random.Generator) -> Scenes:
        """The same pictures with one factor drawn anew from its own distribution, given that it changes noticeably."""
        values = getattr(self, factor)
        drawn, left = values.copy(), np.arange(len(values))
        while len(left):
            drawn[left] = rng.choice(values, len(left))
            left = left[_close(factor, values, drawn, left)]
        return replace(self, **{factor: drawn})


def _close(factor: str, values: Floats, drawn: Floats, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which draws hardly differ: the same class, or less than ``FAR`` standard deviations away."""
    if factor in CLASSES:
        return np.asarray(drawn[rows] == values[rows])
    points = np.exp(2j * np.pi * values) if factor == "hue" else values
    offered = np.exp(2j * np.pi * drawn) if factor == "hue" else drawn
    return np.asarray(np.abs(offered[rows] - points[rows]) < FAR * points.std())


def draw(n: int, seed: int, *, tied: bool = False) -> Scenes:
    """Random scenes. ``tied``: the hue gives the shape away (a tenth of the circle each)."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, len(SHAPES), n)
    hue = (shape / len(SHAPES) + rng.uniform(0, 0.1, n)) if tied else rng.random(n)
    return Scenes(
        shape=shape, hue=hue, value=rng.uniform(0.7, 1.0, n), x=rng.uniform(-2, 2, n), y=rng.uniform(-2, 2, n),
        radius=rng.uniform(3.5, 5, n), background=rng.uniform(0, 0.2, n),
        watermark=rng.integers(0, 2, n).astype(np.float64), mark=rng.integers(0, 2, n).astype(np.float64),
    )  # fmt: skip


def render(scenes: Scenes) -> NDArray[np.uint8]:
    """``(n, 20, 20, 3)`` uint8. The shape is fully saturated; background, watermark and mark are grey."""
    ink = np.clip(0.5 - _outside(scenes), 0, 1)[..., None]
    colour = (_tint(scenes.hue) * scenes.value[:, None])[:, None, None, :]
    images = ink * colour + (1 - ink) * scenes.background[:, None, None, None]
    corner = images[:, WATERMARK, WATERMARK]
    images[:, WATERMARK, WATERMARK] = np.where(scenes.watermark[:, None, None, None] > 0, 0.9, corner)
    images[:, MARK, MARK] += FAINT * scenes.mark[:, None]
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def to_npz(scenes: Scenes) -> bytes:
    """An upload: images, labels, and the attribute columns."""
    stream = io.BytesIO()
    columns = {name: getattr(scenes, name) for name in COLUMNS}
    np.savez_compressed(stream, images=render(scenes), labels=scenes.shape, **columns)
    return stream.getvalue()


def _outside(scenes: Scenes) -> Floats:
    """Signed distance of each pixel's centre to the outline in pixels, ``(n, 20, 20)``, negative inside."""
    centres = np.arange(SIDE) + 0.5 - SIDE / 2
    x = np.abs(centres[None, None, :] - scenes.x[:, None, None])
    y = np.abs(centres[None, :, None] - scenes.y[:, None, None])
    r = scenes.radius[:, None, None]
    distance = np.hypot(x, y)
    bars = np.minimum(np.maximum(x - r, y - 0.35 * r), np.maximum(y - r, x - 0.35 * r))
    every = [distance - r, np.maximum(x, y) - 0.8 * r, bars, np.abs(distance - 0.75 * r) - 0.25 * r]
    return np.asarray(np.choose(scenes.shape[:, None, None], every))


def _tint(hue: Floats) -> Floats:
    """Fully saturated RGB of a hue 0..1, ``(n, 3)``."""
    offsets = np.array([0.0, 2 / 3, 1 / 3])
    return np.clip(np.abs((hue[:, None] + offsets) % 1.0 * 6 - 3) - 1, 0, 1)
