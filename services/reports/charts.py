"""The information-loss curves: what is left of the picture at each tap, with its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from schemas.results import Estimate, Tap

from .formatting import number, number_interval, percent, percent_interval, shorten
from .svg import inline_svg

INK, MUTED, LINE, ACCENT, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
WIDTH, ROW = 224, 36
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


def information_chart(taps: Sequence[Tap]) -> Markup | None:
    """Information about the picture in nats at each tap, input side on top; ``None`` when no tap has it."""
    points = _points(taps, lambda tap: tap.information)
    if not points:
        return None
    x = alt.X("value:Q", title="nats about the picture", axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=True))
    said = _said(taps, lambda tap: tap.information, lambda e: f"{number(e.value)} nats ({number_interval(e)})")
    return _drawn(points, x, f"Information kept at each tap. {said}")


def invariance_chart(taps: Sequence[Tap]) -> Markup | None:
    """Total invariance (papers.md M2) at each tap, input side on top; ``None`` when no tap has it."""
    points = _points(taps, lambda tap: tap.total_invariance)
    if not points:
        return None
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    x = alt.X("value:Q", title="share of the picture free to vary", axis=axis, scale=alt.Scale(domain=[0, 1]))
    said = _said(taps, lambda tap: tap.total_invariance, lambda e: f"{percent(e.value)} ({percent_interval(e)})")
    return _drawn(points, x, f"Share of the picture that is free to vary at each tap. {said}")


def by_depth(taps: Sequence[Tap]) -> list[Tap]:
    """Taps from the input side to the answer."""
    return sorted(taps, key=lambda tap: (tap.kind == "logits", tap.depth))


def _points(taps: Sequence[Tap], read: Callable[[Tap], Estimate | None]) -> list[Point]:
    rows = ((rank, tap, read(tap)) for rank, tap in enumerate(by_depth(taps)))
    return [
        {"tap": f"{rank + 1}. {shorten(tap.name, 14)}", "rank": rank, "value": e.value, "low": e.low, "high": e.high}
        for rank, tap, e in rows
        if e is not None and all(map(math.isfinite, (e.value, e.low, e.high)))
    ]


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
