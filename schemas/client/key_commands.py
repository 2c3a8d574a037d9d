"""``scotoma key``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ..api_keys import ApiKey, Scope
from .file_commands import Json
from .session import session_of, table, write_json
from .terminal import plain

Project = Annotated[str | None, typer.Option(help="Name or id of another project; operators only.", show_default=False)]

keys = typer.Typer(no_args_is_help=True, help="API keys of a project. Administrators only.")


@keys.command("create")
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose key it is; shown in lists.", show_default=False)],
    scope: Annotated[Scope, typer.Option(help="What it may do.")] = Scope.SUBMITTER,
    days: Annotated[int | None, typer.Option(help="Days until it expires; without: never.", show_default=False)] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Make a key. Only its secret goes to stdout, this once.

    Example: SCOTOMA_API_KEY="$(scotoma key create ci --days 90)"
    """
    session = session_of(context)
    with session.client() as client:
        made = client.create_key(name, scope, days=days, project=project)
    if as_json:
        write_json(made)
        return
    session.people.print(plain(f"{made.id}: a {made.scope} key of {made.project}. The secret is shown only now."))
    typer.echo(made.secret)


@keys.command("list")
def list_keys(context: typer.Context, project: Project = None, as_json: Json = False) -> None:
    """Every key, newest first, without secrets."""
    session = session_of(context)
    with session.client() as client:
        items = client.keys(project)
    write_json(items) if as_json else session.out.print(key_table(items))


@keys.command("revoke")
def revoke_key(
    context: typer.Context, key: Annotated[str, typer.Argument(help="Its id (key_…).", show_default=False)]
) -> None:
    """Make a key useless from the next request on."""
    session = session_of(context)
    with session.client() as client:
        client.revoke_key(key)
    session.people.print(plain(f"{key} is revoked."))


def key_table(items: list[ApiKey]) -> Table:
    """Keys in columns."""
    made = table("Id", "Scope", "Begins with", "Expires", "Name")
    for item in items:
        expires = "never" if item.expires_at is None else f"{item.expires_at:%Y-%m-%d}"
        made.add_row(item.id, item.scope, item.prefix, "revoked" if item.revoked_at else expires, plain(item.name))
    return made
