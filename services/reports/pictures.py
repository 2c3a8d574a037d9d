"""The pictures of a report: each one checked, and all of them together small enough for one file."""

from __future__ import annotations

import base64
import binascii
import io
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from schemas.results import EditStep, Sheets, SheetSample, TapSheet

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BUDGET = 2_200_000  # characters of base64: leaves room for text and tables under 3 MB
LEAST = 300_000
ROOM, PER_FEATURE = 2_800_000, 8_400  # what pictures and features share, and what a feature's text takes of it
LARGEST = 4096  # pixels a side
SHOWN = 96  # CSS pixels a side, at most
LEVELS = ((85, 160), (75, 112), (55, 96), (35, 80))
"""WebP quality and longest side, tried in turn when the PNGs are too large together."""


@dataclass(frozen=True)
class Picture:
    """``uri`` holds the bytes; ``width`` and ``height`` are CSS pixels; ``enlarged``: shown as squares."""

    uri: str
    width: int
    height: int
    enlarged: bool


class PictureBook:
    """Turns the base64 PNGs of ``sheets`` into data URIs that fit in ``budget`` characters together.

    PNGs stay as they are while they fit. Beyond that they become WebP, smaller in steps, and ``recompressed`` says so;
    what does not fit even then is left out, and ``left_out`` counts it.
    """

    def __init__(self, sheets: Sheets | None, budget: int = BUDGET) -> None:
        uses = Counter(every_png(sheets)) if sheets else Counter[str]()
        checked = {png: measured for png in uses if (measured := png_size(png)) is not None}
        self.recompressed = sum(len(png) * uses[png] for png in checked) > budget
        self.left_out = 0
        self._pictures = self._encode(checked, uses, budget)

    def show(self, png: str) -> Picture | None:
        """The picture, or ``None`` when it is no PNG or did not fit."""
        return self._pictures.get(png)

    def _encode(self, checked: dict[str, tuple[int, int]], uses: Counter[str], budget: int) -> dict[str, Picture]:
        if not self.recompressed:
            return {png: picture("png", png, size) for png, size in checked.items()}
        quality, side = _level(list(checked), budget * len(checked) // sum(uses[png] for png in checked))
        pictures: dict[str, Picture] = {}
        for png, size in checked.items():
            data = to_webp(png, quality, side)
            cost = len(data or "") * uses[png]
            if data is None or cost > budget:
                self.left_out += uses[png]
                continue
            budget -= cost
            pictures[png] = picture("webp", data, size)
        return pictures


def picture_budget(features: int) -> int:
    """Characters of base64 that pictures may take in a report on so many features."""
    return max(min(BUDGET, ROOM - PER_FEATURE * features), LEAST)


def picture(kind: str, data: str, size: tuple[int, int]) -> Picture:
    """A picture of ``size`` pixels, shown in whole multiples when it is small and at most ``SHOWN`` a side."""
    longest = max(size)
    scale = max(SHOWN // longest, 1) if longest <= SHOWN else SHOWN / longest
    width, height = (max(round(scale * side), 1) for side in size)
    return Picture(f"data:image/{kind};base64,{data}", width, height, longest <= SHOWN // 2)


def every_png(sheets: Sheets) -> Iterable[str]:
    """Each picture of ``sheets``, in the order of the report."""
    for sheet in [*sheets.taps, *([sheets.nuisance] if sheets.nuisance else [])]:
        yield from (sample.png for sample in _samples(sheet))
    for edits in sheets.edits:
        yield from (step.png for row in edits.rows for step in _steps(row.original, row.edits))


def _samples(sheet: TapSheet) -> Iterable[SheetSample]:
    for row in sheet.rows:
        yield from (row.original, row.reconstruction, *row.samples)


def _steps(original: EditStep, edits: list[EditStep]) -> Iterable[EditStep]:
    yield original
    yield from edits


def png_size(png: str) -> tuple[int, int] | None:
    """Width and height in pixels of a base64 PNG, or ``None`` when it is none or is absurdly large."""
    try:
        head = base64.b64decode(png, validate=True)[:24]
    except (binascii.Error, ValueError):
        return None
    if len(head) < 24 or not head.startswith(SIGNATURE) or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return (width, height) if min(width, height) > 0 and max(width, height) <= LARGEST else None


def to_webp(png: str, quality: int, side: int) -> str | None:
    """``png`` as base64 WebP with no side longer than ``side``; ``None`` when it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(png)), formats=("PNG",)) as image:
            pixels = image.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None
    pixels.thumbnail((side, side), Image.Resampling.BOX)
    out = io.BytesIO()
    pixels.save(out, "WEBP", quality=quality, method=2)
    return base64.b64encode(out.getvalue()).decode()


def _level(pngs: list[str], budget: int) -> tuple[int, int]:
    """The best level whose size, judged from every n-th picture, fits the budget with a margin."""
    probe = pngs[:: max(len(pngs) // 24, 1)]
    for quality, side in LEVELS:
        expected = sum(len(to_webp(png, quality, side) or "") for png in probe) * len(pngs) / len(probe)
        if 1.1 * expected <= budget:
            return quality, side
    return LEVELS[-1]
