"""Tables of the examples: printed for people, and as JSON beside the figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from workers.evidence.bootstrap import Interval

from .measures import Measured


def percent(measured: Interval | None) -> str:
    """``94.3 (93.1 to 95.5)``, in percent."""
    if measured is None:
        return "–"
    return f"{100 * measured.value:.1f} ({100 * measured.low:.1f} to {100 * measured.high:.1f})"


def show(rows: Sequence[Measured], title: str, console: Console) -> None:
    """Print one line per view."""
    features = list(rows[0].information)
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left")
    for heading in ("view", "width", "neighbours", "… upright", "recognised", *features):
        table.add_column(heading, justify="left" if heading == "view" else "right")
    for row in rows:
        read = [percent(row.information.get(feature)) for feature in features]
        width = "–" if row.width is None else str(row.width)
        table.add_row(row.view, width, *map(percent, (row.neighbours, row.upright, row.recognised)), *read)
    table.caption = (
        "Percent, with 95 % intervals over pictures. neighbours: digits whose five nearest others, in any pose, vote\n"
        "for their class; … upright: the others stand upright. recognised: digits nearest to themselves in another\n"
        "random pose. "
        f"{', '.join(features)}: share of variance that a cross-fitted probe reads."
    )
    console.print(table)


def write(path: Path, rows: Sequence[Any], facts: Mapping[str, Any]) -> None:
    """Rows (dataclasses) and how they were made, as JSON."""
    machine = {"processor": platform.machine(), "cores": os.cpu_count()}
    content = {**facts, "machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1, default=float) + "\n")
