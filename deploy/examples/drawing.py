"""Figures of the examples: charts of altair as small PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import altair as alt
import numpy as np
import vl_convert
from numpy.typing import NDArray
from PIL import Image

from workers.evidence.bootstrap import Interval

Drawing: TypeAlias = Any
"""A chart of altair, whose methods are typed as ``Any``."""
Point = dict[str, Any]

COLOURS = ["#2563a8", "#c8553d", "#3a7d44", "#7b5ea7", "#8a6d1d", "#5b6470"]
RAW, AVERAGED = "codes as they are", "averaged over turns"
SHAPES = {RAW: "circle", AVERAGED: "diamond"}
INK, GRID = "#30343a", "#e4e6ea"
CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "gridColor": GRID, "domainColor": INK, "tickColor": INK,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
    },
    "title": {"color": INK, "fontSize": 13, "fontWeight": 600, "anchor": "start"},
    "legend": {"labelColor": INK, "labelFontSize": 12, "title": None},
}  # fmt: skip


def point(series: str, x: float | str, measured: Interval, kind: str = RAW) -> Point:
    """One measured number of a series; ``kind``: of the codes as they are, or averaged."""
    numbers = {"value": measured.value, "low": measured.low, "high": measured.high}
    return {"series": series, "kind": kind, "x": x, **numbers}


def curves(
    points: Sequence[Point], levels: Sequence[Point], x: str, y: str, title: str, size: tuple[int, int] = (235, 190)
) -> Drawing:
    """Lines with error bars over a logarithmic axis; ``levels``: dashed lines across with their interval as a band."""
    colour = _colour([*points, *levels])
    ticks = sorted({one["x"] for one in points})
    across = alt.X("x:Q", title=x, scale=alt.Scale(type="log", base=2), axis=alt.Axis(values=ticks, grid=False))
    up = alt.Y("value:Q", title=y, scale=alt.Scale(zero=False), axis=alt.Axis(format="%"))
    level = alt.Chart(alt.InlineData(values=list(levels)))
    line = alt.Chart(alt.InlineData(values=list(points)))
    layers = [
        level.mark_rect(opacity=0.12).encode(y=alt.Y("low:Q", title=y), y2="high:Q", color=colour),
        level.mark_rule(strokeDash=[5, 4]).encode(y=up, color=colour),
        line.mark_line(strokeWidth=1.6).encode(x=across, y=up, color=colour),
        line.mark_rule(strokeWidth=2).encode(x=across, y=alt.Y("low:Q", title=y), y2="high:Q", color=colour),
        line.mark_point(filled=True, size=45, opacity=1).encode(x=across, y=up, color=colour),
    ]
    return alt.layer(*layers).properties(width=size[0], height=size[1], title=title)


def _colour(points: Sequence[Point]) -> alt.Color:
    names = _distinct(points, "series")
    scale = alt.Scale(domain=names, range=COLOURS[: len(names)])
    return alt.Color("series:N", scale=scale, legend=_legend(), sort=names)


def _legend() -> alt.Legend:
    return alt.Legend(orient="bottom", symbolOpacity=1, symbolStrokeWidth=0, labelLimit=400, columns=4)


def places(points: Sequence[Point], x: str, y: str, title: str, size: tuple[int, int] = (260, 210)) -> Drawing:
    """Dots with error bars at named places: series in their colours, kinds in their shapes, all side by side."""
    rows = [{**one, "beside": f"{one['series']} {one['kind']}"} for one in points]
    order, names, kinds, beside = (_distinct(rows, key) for key in ("x", "series", "kind", "beside"))
    where = {
        "x": alt.X("x:N", title=x, sort=order, axis=alt.Axis(labelAngle=0, grid=False)),
        "xOffset": alt.XOffset("beside:N", sort=beside, scale=alt.Scale(domain=beside)),
        "color": alt.Color("series:N", scale=alt.Scale(range=COLOURS[: len(names)]), legend=_legend(), sort=names),
    }
    base = alt.Chart(alt.InlineData(values=rows))
    bar = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=y), y2="high:Q", **where)
    dot = base.mark_point(filled=True, size=55, opacity=1).encode(
        y=alt.Y("value:Q", title=y, axis=alt.Axis(format="%")), **where
    )
    if len(kinds) > 1:
        shapes = alt.Scale(domain=list(SHAPES), range=list(SHAPES.values()))
        dot = dot.encode(shape=alt.Shape("kind:N", sort=kinds, scale=shapes, legend=_legend()))
    return alt.layer(bar, dot).properties(width=size[0], height=size[1], title=title)


def _distinct(rows: Sequence[Point], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))


def cloud(
    places_: NDArray[np.float32], labels: NDArray[np.int64], title: str, side: int = 300, legend: str = "digit"
) -> Drawing:
    """Points ``(n, 2)`` in the colour of their label; no axes: only who is near whom means anything."""
    rows = [{"x": float(x), "y": float(y), "label": str(label)} for (x, y), label in zip(places_, labels, strict=True)]
    blank: dict[str, Any] = {"axis": None, "scale": alt.Scale(zero=False, nice=False)}
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_circle(size=14, opacity=0.75)
        .encode(
            x=alt.X("x:Q", **blank),
            y=alt.Y("y:Q", **blank),
            color=alt.Color("label:N", scale=alt.Scale(scheme="category10"), legend=alt.Legend(title=legend)),
        )
        .properties(width=side, height=side, title=title)
    )


def save(rows: Sequence[Sequence[Drawing]], path: Path) -> None:
    """Rows of drawings as a PNG with a palette (a few tens of kilobytes)."""
    beside = [alt.hconcat(*row, spacing=28) for row in rows]
    whole = alt.vconcat(*beside, spacing=18).configure(**CONFIG)
    png = vl_convert.vegalite_to_png(whole.to_dict(), scale=1.6)
    Image.open(BytesIO(png)).convert("RGB").quantize(96).save(path, optimize=True)
