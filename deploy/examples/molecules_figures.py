"""Figures of the molecules example: what views tell, maps of codes, and molecules on the way from one to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workers.graphs.drawing import SIDE, draw
from workers.graphs.packing import Packed

from .drawing import Drawing, places, point, save
from .molecules_data import BONDS
from .molecules_views import Codes, Told

GUTTER, MARGIN, LABELS = 6, 14, 24
"""Pixels between molecules, around the picture, and of a line of text."""


def draw_views(rows: Sequence[Told], maps: Mapping[str, Codes], gap: NDArray[np.float64], path: Path) -> None:
    """What a probe reads from each view, over maps of some views ``(n, d)`` coloured by the gap ``(n,)``."""
    points = [point(row.view, name, found) for row in rows for name, found in row.information.items()]
    told = places(points, "", "read by a probe", "What codes tell of molecules", (600, 230))
    shown = [_map(codes, gap, name) for name, codes in maps.items()]
    save([[told], [alt.hconcat(*shown, spacing=28)]], path)


def _map(codes: Codes, gap: NDArray[np.float64], name: str, side: int = 270) -> Drawing:
    """First two principal components; the gap in electronvolts by colour."""
    centred = codes - codes.mean(axis=0)
    flat = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    rows = [{"x": float(x), "y": float(y), "gap": float(g)} for (x, y), g in zip(flat, gap, strict=True)]
    blank: dict[str, Any] = {"axis": None, "scale": alt.Scale(zero=False, nice=False)}
    colour = alt.Color("gap:Q", scale=alt.Scale(scheme="viridis"), legend=alt.Legend(title="gap, eV"))
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_circle(size=13, opacity=0.8)
        .encode(x=alt.X("x:Q", **blank), y=alt.Y("y:Q", **blank), color=colour)
        .properties(width=side, height=side, title=name)
    )


def draw_walks(walks: Mapping[str, Packed], path: Path) -> None:
    """Molecules along walks: by name ``(pairs, steps, m, m, channels)``, one line per pair and walk."""
    pairs, steps = next(iter(walks.values())).shape[:2]
    line = LABELS + SIDE
    width = 2 * MARGIN + steps * SIDE + (steps - 1) * GUTTER
    sheet = Image.new("RGB", (width, 2 * MARGIN + pairs * (len(walks) * line + LABELS)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for pair in range(pairs):
        for i, (name, drawn) in enumerate(walks.items()):
            top = MARGIN + pair * (len(walks) * line + LABELS) + i * line
            pen.text((MARGIN, top), name, fill="#30343a", font=font)
            for step in range(steps):
                molecule = Image.fromarray(draw(drawn[pair, step], len(BONDS)))
                sheet.paste(molecule, (MARGIN + step * (SIDE + GUTTER), top + LABELS - 6))
    sheet.quantize(64).save(path, optimize=True)
