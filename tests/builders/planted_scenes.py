"""Pictures whose every factor is known and can be changed alone: the ground truth of ``make planted``.

A coloured shape (disc, square, cross, ring) on a grey background. Plain references add a bright watermark in the upper
left corner and a faint single pixel in the lower right one; detailed ones a checkerboard finer than any low-pass keeps,
and patches of decreasing area and frequency. Turned ones have neither: one side of the shape lies in the shade, and the
whole picture is turned by quarters, exactly. All factors are independent unless the references tie hue to shape.
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
GRAIN = 10
"""Of 255: every pixel is this much brighter or darker, in turn; two by two neighbours keep their sum exactly."""
PATCHES = {
    "patch": (slice(0, 2), slice(0, 2)),
    "dot": (slice(0, 1), slice(SIDE - 1, SIDE)),
    "rare": (slice(SIDE - 3, SIDE), slice(0, 3)),
}
"""Rows and columns of bright patches: 4 pixels and 1 pixel in half of the pictures, 9 pixels in few."""
RARE = 0.05
SHADE = 0.4
"""Of turned scenes: how bright the lower half of the upright shape is, compared to its upper half."""
LEAN = np.array([0.424, 0.4, 0.372, 0.495]) * (1 - SHADE) / (1 + SHADE)
"""How far the light of each shape lies above its middle, in radii: its mean distance to the middle line."""
QUARTERS = np.array([1, 1j, -1, -1j])
"""Quarter turns of a picture, counterclockwise as ``np.rot90``, of complex places ``x - iy``."""
CLASSES = frozenset({"shape", "turn", "watermark", "mark", "grain", *PATCHES})
FAR = 0.7
"""Smallest change of a number or an angle that counts as one, in standard deviations."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class References:
    """How a set of scenes is drawn.

    ``tie``: share of the pictures whose hue gives the shape away (a tenth of the circle each). ``detailed``: grain and
    patches instead of watermark and mark. ``turned``: neither, but a shape in the shade, in any of four orientations.
    """

    tie: float = 0.0
    detailed: bool = False
    seed: int = 7
    turned: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """What an upload holds beside images and labels."""
        if self.turned:
            return ("hue", "turn", "background")
        return ("hue", "background", "grain", *PATCHES) if self.detailed else ("hue", "watermark", "mark", "background")

    @property
    def factors(self) -> tuple[str, ...]:
        """All that varies and can be changed alone."""
        return ("shape", *self.columns, "x", "y", "radius")

    def draw(self, n: int, seed: int | None = None) -> Scenes:
        """``n`` scenes; by default those of the upload, with another ``seed`` new ones."""
        return draw(n, self.seed if seed is None else seed, tie=self.tie, detailed=self.detailed,
                    turned=self.turned)  # fmt: skip


@dataclass(frozen=True)
class Scenes:
    """Factors of ``n`` pictures, ``(n,)`` each. ``x``, ``y``, ``radius`` in pixels, ``hue`` 0..1, the rest 0..1.

    ``x`` and ``y`` are places in the picture as it is shown, of the centre of light, which no turn gives away.
    ``turn`` counts quarter turns, counterclockwise.
    """

    shape: NDArray[np.int64]
    hue: Floats
    value: Floats
    x: Floats
    y: Floats
    radius: Floats
    background: Floats
    watermark: Floats
    mark: Floats
    grain: Floats
    patch: Floats
    dot: Floats
    rare: Floats
    turn: NDArray[np.int64]
    detailed: bool = False
    turned: bool = False

    def resample(self, factor: str, rng: np.random.Generator) -> Scenes:
        """The same pictures with one factor drawn anew from its own distribution, given that it changes noticeably.

        Another ``turn`` is that of the whole picture: the shape's place goes with it.
        """
        values = getattr(self, factor)
        drawn, left = values.copy(), np.arange(len(values))
        while len(left):
            drawn[left] = rng.choice(values, len(left))
            left = left[_close(factor, values, drawn, left)]
        return self.rotated(drawn - values) if factor == "turn" else replace(self, **{factor: drawn})

    def rotated(self, quarters: NDArray[np.int64]) -> Scenes:
        """The same pictures, each turned by so many quarters: ``np.rot90`` of what :func:`render` makes of them."""
        places = (self.x - 1j * self.y) * QUARTERS[quarters % 4]
        return replace(self, x=places.real, y=-places.imag, turn=(self.turn + quarters) % 4)


def _close(factor: str, values: Floats, drawn: Floats, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which draws hardly differ: the same class, or less than ``FAR`` standard deviations away."""
    if factor in CLASSES:
        return np.asarray(drawn[rows] == values[rows])
    points = np.exp(2j * np.pi * values) if factor == "hue" else values
    offered = np.exp(2j * np.pi * drawn) if factor == "hue" else drawn
    return np.asarray(np.abs(offered[rows] - points[rows]) < FAR * points.std())


def draw(n: int, seed: int, *, tie: float = 0.0, detailed: bool = False, turned: bool = False) -> Scenes:
    """Random scenes, as :class:`References` says."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, len(SHAPES), n)
    hue = np.where(rng.random(n) < tie, shape / len(SHAPES) + rng.uniform(0, 0.1, n), rng.random(n))
    nothing, plain = np.zeros(n), not (detailed or turned)
    return Scenes(
        shape=shape, hue=hue, value=rng.uniform(0.7, 1.0, n), x=rng.uniform(-2, 2, n), y=rng.uniform(-2, 2, n),
        radius=rng.uniform(3.5, 5, n), background=rng.uniform(0, 0.2, n), detailed=detailed, turned=turned,
        watermark=_switch(rng, n) if plain else nothing, mark=_switch(rng, n) if plain else nothing,
        grain=_switch(rng, n) if detailed else nothing, patch=_switch(rng, n) if detailed else nothing,
        dot=_switch(rng, n) if detailed else nothing, rare=_switch(rng, n, RARE) if detailed else nothing,
        turn=rng.integers(0, 4, n) if turned else np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def _switch(rng: np.random.Generator, n: int, share: float = 0.5) -> Floats:
    return (rng.random(n) < share).astype(np.float64)


def render(scenes: Scenes) -> NDArray[np.uint8]:
    """``(n, 20, 20, 3)`` uint8. The shape is fully saturated; all else is grey."""
    if scenes.turn.any():
        return _turn(render(scenes.rotated(-scenes.turn)), scenes.turn)
    ink = np.clip(0.5 - _outside(scenes), 0, 1)[..., None]
    colour = (_tint(scenes.hue) * scenes.value[:, None])[:, None, None, :]
    images = ink * colour * _light(scenes) + (1 - ink) * scenes.background[:, None, None, None]
    _stamp(images, (WATERMARK, WATERMARK), scenes.watermark)
    images[:, MARK, MARK] += FAINT * scenes.mark[:, None]
    if not scenes.detailed:
        return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    for name, where in PATCHES.items():
        _stamp(images, where, getattr(scenes, name))
    softened = np.rint((0.1 + 0.8 * images) * 255)  # room for the grain on both sides
    return (softened + _grain(scenes)).astype(np.uint8)


def to_npz(scenes: Scenes, columns: tuple[str, ...]) -> bytes:
    """An upload: images, labels, and the attribute columns."""
    stream = io.BytesIO()
    attributes = {name: getattr(scenes, name) for name in columns}
    np.savez_compressed(stream, images=render(scenes), labels=scenes.shape, **attributes)
    return stream.getvalue()


def _stamp(images: Floats, where: tuple[slice, slice], present: Floats) -> None:
    """A bright grey patch in those pictures that have it."""
    region = (slice(None), *where)
    images[region] = np.where(present[:, None, None, None] > 0, 0.9, images[region])


def _turn(images: NDArray[np.uint8], quarters: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Each picture turned by so many quarters."""
    for quarter in range(1, 4):
        images[quarters == quarter] = np.rot90(images[quarters == quarter], quarter, axes=(1, 2))
    return images


def _middle(scenes: Scenes) -> Floats:
    """Row of each upright shape's middle, ``(n,)``."""
    return scenes.y + LEAN[scenes.shape] * scenes.radius if scenes.turned else scenes.y


def _light(scenes: Scenes) -> Floats | float:
    """1 above the centre of each upright shape and ``SHADE`` below it, ``(n, 20, 20, 1)``; 1 in other scenes."""
    if not scenes.turned:
        return 1.0
    centres = np.arange(SIDE) + 0.5 - SIDE / 2
    below = np.clip(0.5 + centres[None, :] - _middle(scenes)[:, None], 0, 1)
    lit = np.repeat(1 - (1 - SHADE) * below[:, :, None], SIDE, axis=2)
    return np.asarray(lit[..., None])


def _grain(scenes: Scenes) -> Floats:
    """A checkerboard of plus and minus ``GRAIN``, ``(n, 20, 20, 1)``."""
    rows, columns = np.indices((SIDE, SIDE))
    board = GRAIN * (1.0 - 2 * ((rows + columns) % 2))
    return np.asarray(scenes.grain[:, None, None, None] * board[None, :, :, None])


def _outside(scenes: Scenes) -> Floats:
    """Signed distance of each pixel's centre to the outline in pixels, ``(n, 20, 20)``, negative inside."""
    centres = np.arange(SIDE) + 0.5 - SIDE / 2
    x = np.abs(centres[None, None, :] - scenes.x[:, None, None])
    y = np.abs(centres[None, :, None] - _middle(scenes)[:, None, None])
    r = scenes.radius[:, None, None]
    distance = np.hypot(x, y)
    bars = np.minimum(np.maximum(x - r, y - 0.35 * r), np.maximum(y - r, x - 0.35 * r))
    every = [distance - r, np.maximum(x, y) - 0.8 * r, bars, np.abs(distance - 0.75 * r) - 0.25 * r]
    return np.asarray(np.choose(scenes.shape[:, None, None], every))


def _tint(hue: Floats) -> Floats:
    """Fully saturated RGB of a hue 0..1, ``(n, 3)``."""
    offsets = np.array([0.0, 2 / 3, 1 / 3])
    return np.clip(np.abs((hue[:, None] + offsets) % 1.0 * 6 - 3) - 1, 0, 1)
