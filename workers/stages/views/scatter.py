"""A map of many points as a small picture."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 320
"""Of the map, in pixels; the legend stands below."""
FINE = 3
"""Drawn so much larger, then shrunk: smooth dots."""
MARGIN, RIM, DOT, RING, LINE_HEIGHT, NAME_LENGTH = 14, 5, 2.4, 3.2, 14, 12
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#7f7f7f", "#b8a800")
"""Okabe and Ito's colours and a few more: apart for most colour-blind eyes as well."""
LEGEND = 10


def scatter(
    dots: NDArray[np.float64], rings: NDArray[np.float64], kinds: NDArray[np.int64], names: Sequence[str],
    tied: NDArray[np.int64],
) -> str:  # fmt: skip
    """Dots ``(n, 2)`` and rings ``(n, 2)``, the ``i``-th of both for one thing of ``kinds[i]``, as base64 PNG.

    Lines tie the dots of the things ``tied`` to their rings. Both axes have one scale; points beyond the frame that
    holds 98 of 100 along each axis stand at its rim. The legend names at most ten kinds.
    """
    place = _Placement(np.concatenate([dots, rings]))
    legend = [(kind, names[kind]) for kind in np.unique(kinds)[:LEGEND]]
    height = SIDE + LINE_HEIGHT * (-(-len(legend) // 3)) + 6
    picture = Image.new("RGB", (SIDE * FINE, height * FINE), "white")
    draw = ImageDraw.Draw(picture)
    colours = colours_of(len(names))
    for i in tied:
        draw.line([*place(dots[i]), *place(rings[i])], fill="#9a9a9a", width=FINE)
    for (x, y), kind in zip(map(place, rings), kinds, strict=True):
        _circle(draw, x, y, RING, outline=colours[kind])
    for (x, y), kind in zip(map(place, dots), kinds, strict=True):
        _circle(draw, x, y, DOT, fill=colours[kind])
    picture = picture.resize((SIDE, height), Image.Resampling.LANCZOS)
    _write_legend(ImageDraw.Draw(picture), legend, colours)
    return _png(picture)


def colours_of(count: int) -> list[str]:
    """One colour per kind: the palette while it lasts, else evenly spaced hues."""
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    hues = (colorsys.hsv_to_rgb(i / count, 0.75, 0.8) for i in range(count))
    return ["#" + "".join(f"{round(255 * part):02x}" for part in rgb) for rgb in hues]


class _Placement:
    """From a plane to pixels, both axes alike."""

    def __init__(self, points: NDArray[np.float64]) -> None:
        low, high = np.percentile(points, [1, 99], axis=0)
        self.middle = (low + high) / 2
        self.scale = (SIDE - 2 * MARGIN) / max(float((high - low).max()), 1e-12)

    def __call__(self, point: NDArray[np.float64]) -> tuple[float, float]:
        x, y = np.clip((point - self.middle) * self.scale + SIDE / 2, RIM, SIDE - RIM)
        return FINE * float(x), FINE * float(SIDE - y)


def _circle(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, **look: str) -> None:
    reach = radius * FINE
    draw.ellipse((x - reach, y - reach, x + reach, y + reach), width=FINE, **look)


def _write_legend(draw: ImageDraw.ImageDraw, legend: list[tuple[int, str]], colours: list[str]) -> None:
    font = ImageFont.load_default(10)
    for i, (kind, name) in enumerate(legend):
        x, y = MARGIN + (i % 3) * (SIDE // 3), SIDE + LINE_HEIGHT * (i // 3)
        draw.rectangle((x, y + 2, x + 8, y + 10), fill=colours[kind])
        shown = name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
        draw.text((x + 12, y), shown, fill="#303030", font=font)


def _png(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.quantize(64).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
