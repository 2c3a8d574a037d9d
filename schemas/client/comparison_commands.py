"""``scotoma comparison``: those that were made."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ..audits import AuditState
from ..comparisons import Comparison
from .change_table import change_table
from .errors import sentences
from .file_commands import Json
from .session import session_of, table, write_json
from .terminal import plain

ComparisonId = Annotated[
    str, typer.Argument(metavar="COMPARISON", show_default=False, help="Such as cmp_0123456789abcdef.")
]
comparisons = typer.Typer(no_args_is_help=True, help="List and show comparisons; scotoma compare makes them.")


@comparisons.command("list")
def list_comparisons(
    context: typer.Context,
    audit: Annotated[str | None, typer.Option(show_default=False, help="Only those of this audit.")] = None,
    as_json: Json = False,
) -> None:
    """Comparisons, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.comparisons(audit=audit))
    write_json(items) if as_json else session.out.print(comparison_table(items))


@comparisons.command("show")
def show(context: typer.Context, comparison: ComparisonId, as_json: Json = False) -> None:
    """One comparison; with its changes when it has succeeded. Its page: scotoma report get COMPARISON."""
    session = session_of(context)
    with session.client() as client:
        item = client.comparison(comparison)
        if as_json:
            return write_json(item)
        session.out.print(comparison_table([item]))
        if item.problem:
            session.out.print(plain(sentences(item.problem.detail, item.problem.advice)), soft_wrap=True)
        if item.state is AuditState.SUCCEEDED:
            session.out.print(change_table(client.comparison_result(comparison)))
    return None


def comparison_table(items: list[Comparison]) -> Table:
    """Comparisons in columns."""
    made = table("Id", "State", "Done", "Name")
    for item in items:
        made.add_row(item.id, item.state, f"{item.progress:.0%}", plain(item.name))
    return made
