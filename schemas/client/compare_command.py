"""``scotoma compare``: what changed between two audits."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ..audits import AuditState
from ..comparisons import Change, Comparison, ComparisonResult, FeatureChange
from ..results import Verdict
from .change_table import at_the_decision, change_table
from .client import Client
from .file_commands import Timeout
from .session import INCONCLUSIVE, INTERRUPTED, OK, POLICY_VIOLATED, ExitWith, Session, session_of
from .terminal import plain, printable

AUDIT = re.compile(r"aud_[0-9a-z]{16,40}")
LATEST = "latest:"


class FailOn(StrEnum):
    """Which changes at the decision a pipeline does not want."""

    BECAME_USED = "became-used"
    BECAME_IGNORED = "became-ignored"
    ANY = "any"


SHOWN = {Change.BECAME_USED, Change.BECAME_IGNORED, Change.MORE, Change.LESS}
"""Changes that are there."""
GREW = {FailOn.BECAME_USED: Change.MORE, FailOn.BECAME_IGNORED: Change.LESS}
"""What is shown where a verdict turned and the change is not called by its name: it was encoded, or is, but unused."""
TURNED = {FailOn.BECAME_USED: Change.BECAME_USED, FailOn.BECAME_IGNORED: Change.BECAME_IGNORED}
UNUSED = {Verdict.IGNORED, Verdict.ENCODED_UNUSED}

BEFORE_HELP = "Such as aud_…, or latest:NAME: the newest audit of the classifier NAME."
Before = Annotated[str, typer.Argument(metavar="BEFORE", show_default=False, help=BEFORE_HELP)]
After = Annotated[str, typer.Argument(metavar="AFTER", show_default=False, help="The same, of what came later.")]
Named = Annotated[str | None, typer.Option("--name", help="A name for people.", show_default=False)]
Out = Annotated[
    Path | None, typer.Option("-o", "--out", dir_okay=False, help="Write the report here.", show_default=False)
]
Unwanted = Annotated[
    list[FailOn],
    typer.Option(
        "--fail-on",
        metavar="became-used|became-ignored|any",
        help="Exit with 1 if this happened at the decision, 2 if it may have. Encoded but unused counts as ignored."
        " Repeatable.",
    ),
]


def compare(
    context: typer.Context,
    before: Before,
    after: After,
    name: Named = None,
    out: Out = None,
    fail_on: Unwanted = [],  # noqa: B006  (typer reads the default, nobody writes it)
    timeout: Timeout = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole comparison.json on stdout.")] = False,
) -> None:
    """Compare two audits of the same dataset: what became ignored, what became used, by how much.

    Every difference has an interval of its own, paired over the same inputs. The report is written
    before the exit code is decided.

    Example: scotoma compare latest:v1.onnx latest:v2.onnx --out changes.html --fail-on became-used
    """
    session = session_of(context)
    with session.client() as client:
        made = client.compare(chosen(client, before), chosen(client, after), name=name)
        _follow(session, client, made, timeout)
        data = client.comparison_json(made.id)
        if out is not None:
            out.write_bytes(client.sealed_report(made.id))
    result = ComparisonResult.model_validate_json(data)
    if as_json:
        sys.stdout.write(data.decode() + "\n")
    else:
        session.out.print(change_table(result))
    _say_where(session, made, out)
    if code := outcome(result, fail_on):
        raise ExitWith(code)


def chosen(client: Client, text: str) -> str:
    """The id of an audit that was named by id, or as ``latest:NAME``.

    Raises:
        BadParameter: neither of them, or no such audit.
    """
    if AUDIT.fullmatch(text):
        return text
    wanted = text.removeprefix(LATEST)
    if wanted == text or not wanted:
        raise typer.BadParameter(f"{text!r} is neither an audit's id nor latest:NAME")
    named = {one.id for one in client.classifiers() if one.name == wanted}
    found = next((one for one in client.audits(state=AuditState.SUCCEEDED) if one.classifier in named), None)
    if found is None:
        raise typer.BadParameter(f"no audit of a classifier named {wanted!r} has succeeded")
    return found.id


def outcome(result: ComparisonResult, unwanted: list[FailOn]) -> int:
    """The exit code: violated, if something unwanted is shown; inconclusive, if it is not ruled out; else fine."""
    changes = at_the_decision(result)
    if any(_is(one, each) for each in unwanted for one in changes):
        return POLICY_VIOLATED
    left_open = not changes or any(_may_be(one, each) for each in unwanted for one in changes)
    return INCONCLUSIVE if unwanted and left_open else OK


def _is(one: FeatureChange, unwanted: FailOn) -> bool:
    """Whether it is shown to be that change: "encoded, unused" is as little used as ignored."""
    if unwanted is FailOn.ANY:
        return one.change in SHOWN
    unused, used = _ends(one, unwanted)
    turned = one.change is GREW[unwanted] and unused in UNUSED and used is Verdict.USED
    return turned or one.change is TURNED[unwanted]


def _may_be(one: FeatureChange, unwanted: FailOn) -> bool:
    """Whether it may yet be that change, of what is not decided: what was used cannot become used."""
    if unwanted is FailOn.ANY:
        return one.change is Change.UNDECIDED
    unused, used = _ends(one, unwanted)
    possible = not (unused is Verdict.USED or used in UNUSED)
    return possible and one.change in {Change.UNDECIDED, GREW[unwanted]}


def _ends(one: FeatureChange, unwanted: FailOn) -> tuple[Verdict, Verdict]:
    """The verdict that must be an unused one, and the one that must be "used"."""
    return (one.before, one.after) if unwanted is FailOn.BECAME_USED else (one.after, one.before)


def _follow(session: Session, client: Client, made: Comparison, timeout: float | None) -> None:
    """Draw the progress until the comparison has succeeded.

    Raises:
        ComparisonUnfinished: it failed.
        TimedOut: ``timeout`` seconds have passed; it goes on.
        ExitWith: somebody pressed Ctrl-C; it goes on.
    """
    try:
        with _bar(session.people, made) as show:
            client.wait_for_comparison(made.id, timeout=timeout, on_progress=show)
    except KeyboardInterrupt:
        session.people.print(f"\nThe comparison {made.id} goes on in the service.", soft_wrap=True)
        raise ExitWith(INTERRUPTED) from None


@contextmanager
def _bar(console: Console, made: Comparison) -> Iterator[Callable[[Comparison], None]]:
    """A bar for a comparison; it disappears at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(f"Comparing {printable(made.name)[:40]}".replace("[", r"\["), total=1.0)
        yield lambda found: bars.update(task, completed=found.progress)


def _say_where(session: Session, made: Comparison, out: Path | None) -> None:
    session.people.print(plain(f"Comparison  {made.id}"), soft_wrap=True)
    if out is not None:
        session.people.print(plain(f"Report      {out}"), soft_wrap=True)
