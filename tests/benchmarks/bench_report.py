"""Rendering of a report of default size."""

from __future__ import annotations

from collections.abc import Iterator

from services.reports.render import render_report
from tests.builders import results

from .measurement import Measured, seconds


def bench(threads: int) -> Iterator[Measured]:
    """Seconds and bytes of the builders' default result, charts and pictures included."""
    result, sheets = results.result(), results.sheets()
    took = seconds(lambda: render_report(result, sheets), 3)
    yield Measured("report, rendering", f"{took:.2f} s", "≤ 2 s")
    size = len(render_report(result, sheets).encode())
    yield Measured("report, size", f"{size / 1e6:.2f} MB", "≤ 3 MB")
