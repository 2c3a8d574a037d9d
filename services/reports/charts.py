"""Curves of a report: what is left of the picture at each tap, and lines of galleries, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any, TypeAlias

import altair as alt
import vl_convert
from markupsafe import Markup

from schemas.results import Chart, Estimate, Line, Tap

from .formatting import clip, number, number_interval, percent, percent_interval, shorten
from .svg import inline_svg

INK, MUTED, LINE, ACCENT, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
SERIES = ("#060606", "#070707", "#080808", "#090909", "#0a0a0a", "#0b0b0b")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 4])
WIDTH, ROW = 224, 36
PLACE, NARROWEST, WIDEST, HEIGHT = 56, 240, 520, 210  # of a line chart, in pixels; PLACE per place on its x axis
LINES = 18  # drawn in one chart, at most
SHORT_NAME = 14  # characters: with longer ones the legend has one column
BAND_FROM = 3  # places: fewer show bars instead of a band
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "view": {"stroke": None},
    "font": "sans-serif",
    "padding": {"left": 16, "right": 16, "top": 4, "bottom": 4},
    "axis": {
        "labelColor": MUTED, "titleColor": MUTED, "gridColor": LINE, "domain": False, "ticks": False,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelPadding": 6, "labelFlush": False,
        "titlePadding": 8,
    },
}  # fmt: skip
Point = dict[str, Any]
Drawing: TypeAlias = Any
"""A chart of altair, whose methods are typed as ``Any``."""


def information_chart(taps: Sequence[Tap], about: str = "picture") -> Markup | None:
    """Information about the input, called ``about``, in nats at each tap, input on top; ``None`` when no tap has it."""
    points = _points(taps, lambda tap: tap.information)
    if not points:
        return None
    x = alt.X("value:Q", title=f"nats about the {about}", axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=True))
    said = _said(taps, lambda tap: tap.information, lambda e: f"{number(e.value)} nats ({number_interval(e)})")
    return _drawn(points, x, f"Information kept at each tap. {said}")


def invariance_chart(taps: Sequence[Tap], about: str = "picture") -> Markup | None:
    """Total invariance (papers.md M2) at each tap, input side on top; ``None`` when no tap has it."""
    points = _points(taps, lambda tap: tap.total_invariance)
    if not points:
        return None
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    x = alt.X("value:Q", title=f"share of the {about} free to vary", axis=axis, scale=alt.Scale(domain=[0, 1]))
    said = _said(taps, lambda tap: tap.total_invariance, lambda e: f"{percent(e.value)} ({percent_interval(e)})")
    return _drawn(points, x, f"Share of the {about} that is free to vary at each tap. {said}")


def line_chart(chart: Chart) -> Markup | None:
    """The lines of ``chart`` with their intervals, told apart by colour, shape and dash; ``None`` without numbers."""
    lines = chart.lines[:LINES]
    places, names = _apart(chart.x, 16), _apart([line.name for line in lines], 40)
    points = [point for name, line in zip(names, lines, strict=True) for point in _line_points(name, line, places)]
    if not any(point["value"] is not None for point in points):
        return None
    drawn = _lines(points, places, names, shorten(chart.y, 36))
    said = "; ".join(_line_said(line, chart.x) for line in lines)
    return inline_svg(vl_convert.vegalite_to_svg(drawn.to_dict()), f"{clip(chart.title, 120)}. {said}.")


def by_depth(taps: Sequence[Tap]) -> list[Tap]:
    """Taps from the input side to the answer."""
    return sorted(taps, key=lambda tap: (tap.kind == "logits", tap.depth))


def _points(taps: Sequence[Tap], read: Callable[[Tap], Estimate | None]) -> list[Point]:
    rows = ((rank, tap, read(tap)) for rank, tap in enumerate(by_depth(taps)))
    return [
        {"tap": f"{rank + 1}. {shorten(tap.name, 14)}", "rank": rank, "value": e.value, "low": e.low, "high": e.high}
        for rank, tap, e in rows
        if e is not None and _finite(e)
    ]


def _finite(e: Estimate) -> bool:
    return all(map(math.isfinite, (e.value, e.low, e.high)))


def _said(taps: Sequence[Tap], read: Callable[[Tap], Estimate | None], say: Callable[[Estimate], str]) -> str:
    pairs = ((shorten(tap.name, 24), read(tap)) for tap in by_depth(taps))
    return "; ".join(f"{name}: {say(estimate)}" for name, estimate in pairs if estimate is not None) + "."


def _drawn(points: list[Point], x: alt.X, label: str) -> Markup:
    base = alt.Chart(alt.InlineData(values=points)).encode(
        y=alt.Y("tap:N", sort=alt.SortField("rank"), title=None, axis=alt.Axis(grid=False, labelColor=INK))
    )
    order = alt.Order("rank:Q")
    curve = base.mark_line(color=ACCENT, strokeWidth=1.5, opacity=0.5).encode(x=x, order=order)
    interval = base.mark_rule(color=INK, strokeWidth=7, opacity=0.35).encode(x=alt.X("low:Q"), x2="high:Q")
    dot = base.mark_circle(color=ACCENT, stroke=PAPER, strokeWidth=1, size=42, opacity=1).encode(x=x)
    chart = (curve + interval + dot).properties(width=WIDTH, height=ROW * max(len(points), 1)).configure(**CONFIG)
    return inline_svg(vl_convert.vegalite_to_svg(chart.to_dict()), label)


def _apart(texts: Sequence[str], limit: int) -> list[str]:
    """Shortened, and numbered where two would be the same: on an axis the same text is the same place."""
    short = [shorten(text, limit) for text in texts]
    if len(set(short)) == len(short):
        return short
    return [f"{rank}. {shorten(text, limit - 4)}" for rank, text in enumerate(texts, start=1)]


def _line_points(name: str, line: Line, places: Sequence[str]) -> list[Point]:
    def point(at: int, e: Estimate | None) -> Point:
        numbers = (e.value, e.low, e.high) if e is not None and _finite(e) else (None, None, None)
        here: Point = {"line": name, "at": at, "place": places[at]}
        return here | dict(zip(("value", "low", "high"), numbers, strict=True))

    return [point(at, e) for at, e in enumerate(line.values[: len(places)])]


def _line_said(line: Line, places: Sequence[str]) -> str:
    pairs = zip(places, line.values, strict=False)
    told = [f"{shorten(place, 24)} {number(e.value)} ({number_interval(e)})" for place, e in pairs if e is not None]
    return f"{shorten(line.name, 40)}: {', '.join(told) or 'no numbers'}"


def _lines(points: list[Point], places: list[str], names: list[str], y: str) -> Drawing:
    base: Drawing = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X(
            "place:O",
            title=None,
            scale=alt.Scale(domain=places),
            axis=alt.Axis(grid=False, labelColor=INK, labelAngle=-32, labelLimit=120, labelPadding=4),
        )
    )
    layers = [_spread(base, names, len(places)), _curve(base, names, y), _dots(base, names, y)]
    width = min(max(PLACE * len(places), NARROWEST), WIDEST)
    # One legend, of the dots: shape and colour together.
    drawn = alt.layer(*layers).resolve_legend(color="independent", shape="independent")
    return drawn.properties(width=width, height=HEIGHT).configure(**CONFIG)


def _spread(base: Drawing, names: list[str], places: int) -> Drawing:
    """Intervals: a band along the line, or a bar at each place when there are too few for a band."""
    bounds = {"y": alt.Y("low:Q"), "y2": "high:Q", "color": _colours(names)}
    if places >= BAND_FROM:
        return base.mark_area(opacity=0.14, invalid="break-paths-filter-domains").encode(**bounds)
    return base.mark_rule(strokeWidth=5, opacity=0.35).encode(**bounds)


def _curve(base: Drawing, names: list[str], y: str) -> Drawing:
    dash = alt.StrokeDash("line:N", scale=_cycled(DASHES, names), legend=None)
    line = base.mark_line(strokeWidth=1.8, invalid="break-paths-filter-domains")
    return line.encode(y=_height(y), color=_colours(names), strokeDash=dash, order=alt.Order("at:Q"))


def _dots(base: Drawing, names: list[str], y: str) -> Drawing:
    legend = _key(names) if len(names) > 1 else None
    shape = alt.Shape("line:N", scale=_cycled(SHAPES, names), legend=legend)
    dots = base.mark_point(filled=True, size=52, opacity=1, invalid="filter")
    return dots.encode(y=_height(y), color=_colours(names, legend), shape=shape)


def _key(names: list[str]) -> alt.Legend:
    columns = 2 if max(map(len, names)) <= SHORT_NAME else 1
    return alt.Legend(
        orient="bottom", columns=columns, columnPadding=32, title=None, labelColor=INK, labelFontSize=12,
        labelLimit=280, symbolSize=70,
    )  # fmt: skip


def _colours(names: list[str], legend: alt.Legend | None = None) -> alt.Color:
    return alt.Color("line:N", scale=_cycled(SERIES, names), legend=legend)


def _cycled(values: Sequence[Any], names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=list(islice(cycle(values), len(names))))


def _height(title: str) -> alt.Y:
    return alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=True))
