"""The pictures of a report: each one checked, and all of them together small enough for one file."""

from __future__ import annotations

import base64
import binascii
import io
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image

from schemas.results import EditStep, Gallery, Sheets, SheetSample, TapSheet

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BUDGET = 2_200_000  # characters of base64: leaves room for text and tables under 3 MB
LEAST = 300_000
ROOM = 2_800_000  # what pictures share with everything else that grows
PER_FEATURE, PER_PICTURE, PER_CHART, PER_MEASURE = 9_600, 520, 16_000, 320  # what the text of each takes of it
GALLERIES = 0.4  # their part of the budget, at most, while the evidence of the verdicts can use the rest
LARGEST = 4096  # pixels a side
SHOWN = 96  # CSS pixels a side, at most
LARGE, LARGE_FROM, ABREAST = 340, 180, 2  # the same for maps: that many pixels a side, that few to a row
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
    what does not fit even then is left out, and ``left_out`` counts it. Galleries decide nothing: they get what the
    evidence leaves (``GALLERIES`` of the budget where both are too large), and the last of them go first.
    """

    def __init__(self, sheets: Sheets | None, budget: int = BUDGET, galleries: Sequence[Gallery] | None = None) -> None:
        shown = galleries if galleries is not None else sheets.galleries if sheets else []
        uses = Counter(every_png(sheets, shown)) if sheets else Counter[str]()
        large = large_pngs(shown)
        evidence = set(evidence_pngs(sheets)) if sheets else set[str]()
        first = _Tier({png: times for png, times in uses.items() if png in evidence}, large)
        second = _Tier({png: times for png, times in uses.items() if png not in evidence}, large)
        first.fit(budget - min(second.cost, round(GALLERIES * budget)))
        second.fit(budget - first.cost)
        self.recompressed = first.recompressed or second.recompressed
        self.left_out = first.left_out + second.left_out
        self._pictures = first.pictures | second.pictures

    def show(self, png: str) -> Picture | None:
        """The picture, or ``None`` when it is no PNG or did not fit."""
        return self._pictures.get(png)


class _Tier:
    """Pictures that shrink together. ``cost`` is what they take, once fitted."""

    def __init__(self, uses: dict[str, int], large: frozenset[str]) -> None:
        self.uses = uses
        self.large = large
        self.checked = {png: measured for png in self.uses if (measured := png_size(png)) is not None}
        self.cost = sum(len(png) * self.uses[png] for png in self.checked)
        self.recompressed = False
        self.left_out = 0
        self.pictures: dict[str, Picture] = {}

    def fit(self, budget: int) -> None:
        """Choose the form of each picture so that all take at most ``budget`` characters."""
        if self.cost <= budget:
            self.pictures = {png: picture("png", png, size, self._side(png)) for png, size in self.checked.items()}
            return
        self.recompressed = True
        self.cost = 0
        quality, side = self._level(budget)
        for png, size in self.checked.items():
            data = to_webp(png, quality, max(side, LARGE) if png in self.large else side)
            cost = len(data or "") * self.uses[png]
            if data is None or self.cost + cost > budget:
                self.left_out += self.uses[png]
                continue
            self.cost += cost
            self.pictures[png] = picture("webp", data, size, self._side(png))

    def _level(self, budget: int) -> tuple[int, int]:
        """Quality and side for all but the large ones, which keep theirs."""
        small = [png for png in self.checked if png not in self.large]
        if not small:
            return LEVELS[0]
        rest = budget - sum(len(png) * self.uses[png] for png in self.checked if png in self.large)
        return _level(small, rest * len(small) // sum(self.uses[png] for png in small))

    def _side(self, png: str) -> int:
        return LARGE if png in self.large else SHOWN


def picture_budget(features: int, galleries: Sequence[Gallery] = ()) -> int:
    """Characters of base64 that pictures may take in a report on so many features with these galleries."""
    return max(min(BUDGET, ROOM - PER_FEATURE * features - sum(map(_text_of, galleries))), LEAST)


def _text_of(gallery: Gallery) -> int:
    pictures = sum(len(row.pictures) for row in gallery.rows)
    return PER_PICTURE * pictures + PER_CHART * len(gallery.charts) + PER_MEASURE * len(gallery.measures) + 2_000


def large_pngs(galleries: Iterable[Gallery]) -> frozenset[str]:
    """Pictures to be shown in full: large ones, of which a gallery has only a few to a row (maps of many points)."""
    rows = (row for gallery in galleries if _abreast(gallery) <= ABREAST for row in gallery.rows)
    pngs = {shown.png for row in rows for shown in row.pictures if shown is not None}
    return frozenset(png for png in pngs if max(png_size(png) or (0, 0)) >= LARGE_FROM)


def _abreast(gallery: Gallery) -> int:
    return max([len(gallery.columns), *(len(row.pictures) for row in gallery.rows)], default=0)


def picture(kind: str, data: str, size: tuple[int, int], most: int = SHOWN) -> Picture:
    """A picture of ``size`` pixels, shown in whole multiples when it is small and at most ``most`` a side."""
    longest = max(size)
    scale = max(SHOWN // longest, 1) if longest <= most else most / longest
    width, height = (max(round(scale * side), 1) for side in size)
    return Picture(f"data:image/{kind};base64,{data}", width, height, longest <= SHOWN // 2)


def every_png(sheets: Sheets, galleries: Sequence[Gallery] = ()) -> Iterable[str]:
    """Each picture of ``sheets``, then those of ``galleries``, in the order of the report."""
    yield from evidence_pngs(sheets)
    for gallery in galleries:
        yield from (shown.png for row in gallery.rows for shown in row.pictures if shown is not None)


def evidence_pngs(sheets: Sheets) -> Iterable[str]:
    """Each picture that stands behind a verdict."""
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
