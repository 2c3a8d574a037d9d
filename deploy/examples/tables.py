"""Tables of the examples: printed for people, and as JSON beside the figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from schemas.results import AuditResult, Estimate
from workers.evidence.bootstrap import Interval

from .measures import Measured, Screened

WIDTH = 150
"""Columns where nobody looks on: in a file, a pipe, a log."""


def screen() -> Console:
    """Where an example prints: as wide as the terminal, if it is one."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH)


def percent(measured: Interval | Estimate | None, places: int = 1) -> str:
    """``94.3 (93.1–95.5)``, in percent."""
    if measured is None:
        return "–"
    numbers = (round(100 * number, places) + 0.0 for number in (measured.value, measured.low, measured.high))  # no -0
    value, low, high = (f"{number:.{places}f}" for number in numbers)
    return f"{value} ({low}–{high})"


def show(rows: Sequence[Measured], title: str, console: Console) -> None:
    """Print one line per view."""
    features = list(rows[0].information)
    table = _table(title)
    for heading in ("view", "width", "neighbours", "… upright", "recognised", *features):
        table.add_column(heading, justify="left" if heading == "view" else "right")
    for row in rows:
        read = [percent(row.information.get(feature), 0) for feature in features]
        width = "–" if row.width is None else str(row.width)
        table.add_row(row.view, width, *map(percent, (row.neighbours, row.upright, row.recognised)), *read)
    table.caption = (
        "Percent, with 95 % intervals over pictures. neighbours: digits whose five nearest others, in any pose, vote "
        "for their class; … upright: the others stand upright. recognised: digits nearest to themselves in another "
        f"random pose. {', '.join(features)}: share of variance that a cross-fitted probe reads."
    )
    console.print(table)


def show_symmetries(rows: Sequence[Screened], console: Console) -> None:
    """Print one line per network, layer and group."""
    table = _table("How far a turn of the picture moves each layer, as a share of the distance between two digits")
    for heading in ("twin", "layer", "group", "best action", "error", "as it stands", "resampling alone", "state"):
        table.add_column(
            heading, justify="right" if heading in ("error", "as it stands", "resampling alone") else "left"
        )
    for row in rows:
        found = row.reading
        numbers = map(percent, (found.error, found.invariance, found.floor))
        table.add_row(row.twin, row.layer, row.group, found.action, *numbers, found.state)
    table.caption = (
        "Percent, with 95 % intervals over pictures. error: from what the best fitting known action predicts; as it "
        "stands: from no change at all; resampling alone: turned there and back."
    )
    console.print(table)


def show_audit(name: str, result: AuditResult, features: Sequence[str], console: Console) -> None:
    """Print what an audit says of symmetries, and its findings on some features."""
    table = _table(f"{name}: what the audit says of symmetries")
    for heading in ("tap", "group", "action", "error", "as it stands", "state", "invariant view"):
        table.add_column(heading)
    views = {(view.tap, view.group): view.projection for view in result.invariant_views}
    for row in result.symmetries:
        seen = views.get((row.tap, row.group), "")
        table.add_row(
            row.tap, row.group.value, row.action, percent(row.error), percent(row.invariance), row.state, seen
        )
    console.print(table)
    table = _table(f"{name}: verdicts")
    for heading in ("feature", "tap", "verdict", "kept", "kept without pose", "flips"):
        table.add_column(heading)
    for found in result.findings:
        if found.feature in features:
            kept, flips = found.retention, found.effect.flip_rate
            verdict = f"{found.verdict.value}{', as pose only' if found.pose_only else ''}"
            table.add_row(
                found.feature, found.tap, verdict, percent(kept.predictive), percent(kept.invariant), percent(flips)
            )
    console.print(table)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=SIMPLE_HEAD)


def write(path: Path, rows: Sequence[Any], facts: Mapping[str, Any]) -> None:
    """Rows (dataclasses) and how they were made, as JSON."""
    machine = {"processor": platform.machine(), "cores": os.cpu_count()}
    content = {**facts, "machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1, default=float) + "\n")
