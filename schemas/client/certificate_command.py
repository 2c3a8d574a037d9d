"""``scotoma certificate``: how often this release was right where the truth is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ..certificate import Certificate, Score, released, released_bytes
from .errors import ScotomaError
from .session import session_of, table
from .terminal import plain

Output = Annotated[Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write here.", show_default=False)]


def certificate(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="The whole certificate.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="One page for people; the service renders it.")] = False,
    output: Output = None,
) -> None:
    """Show the calibration certificate of the installed release; no service is asked, except for --html.

    Example: scotoma certificate --html -o certificate.html
    """
    session = session_of(context)
    if as_json and as_html:
        raise typer.BadParameter("give --json or --html, not both")
    if as_html:
        with session.client() as client:
            return _write(client.certificate_page().encode(), output)
    found, data = released(), released_bytes()
    if found is None or data is None:
        raise ScotomaError("This release has no calibration certificate.")
    if as_json or output is not None:
        return _write(data, output)
    return session.out.print(certificate_table(found))


def certificate_table(found: Certificate) -> RenderableType:
    """Every score beside its target, and what they say nothing about."""
    made = table("Score", "Value", "95 %", "Target", "Met")
    for score in found.scores:
        made.add_row(plain(score.label), _number(score.value), _interval(score), _target(score), _met(score))
    said = f"scotoma {found.scotoma} · profile {found.profile} · {len(found.pairs)} planted pairs · "
    head = Text(f"{said}{found.made_at:%Y-%m-%d}", "bold")
    unsaid = [Text(f"Says nothing about: {line}") for line in found.uncovered]
    return Group(head, made, *unsaid)


def _write(data: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        output.write_bytes(data)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _interval(score: Score) -> str:
    return "" if score.low is None or score.high is None else f"{score.low:.2f} to {score.high:.2f}"


def _target(score: Score) -> str:
    if score.at_least is not None:
        return f"≥ {score.at_least:g}"
    return "" if score.at_most is None else f"≤ {score.at_most:g}"


def _met(score: Score) -> str:
    return "" if score.met is None else ("yes" if score.met else "no")
