"""``scotoma policy push|list|show``: policies in the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..policies import StoredPolicy
from .file_commands import Json
from .policies.document import read_policy
from .session import session_of, table, write_json
from .terminal import plain

PolicyId = Annotated[str, typer.Argument(metavar="POLICY", help="Its id, pol_….", show_default=False)]


def push_policy(
    context: typer.Context,
    policy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="POLICY.yaml", show_default=False)],
    as_json: Json = False,
) -> None:
    """Store a policy in the service as the next of its name, and print its id. Unchanged, it is stored only once.

    Example: scotoma audit submit CLASSIFIER DATASET --policy-id $(scotoma policy push policy.yaml)
    """
    session, document = session_of(context), read_policy(policy).policy
    with session.client() as client:
        stored = client.push_policy(document)
    write_json(stored) if as_json else session.out.print(stored.id)


def list_policies(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Those of this name.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Policies in the service, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.policies(name=name))
    write_json(items) if as_json else session.out.print(stored_table(items))


def show_policy(context: typer.Context, policy: PolicyId, as_json: Json = False) -> None:
    """One policy, rule by rule."""
    session = session_of(context)
    with session.client() as client:
        item = client.policy(policy)
    if as_json:
        return write_json(item)
    session.out.print(stored_table([item]))
    for rule in item.document.rules:
        session.out.print(plain(f"  - {rule.sentence}"), soft_wrap=True)
    return None


def stored_table(items: list[StoredPolicy]) -> Table:
    """Policies in columns."""
    made = table("Id", "Number", "Rules", "Stored (UTC)", "Name")
    for item in items:
        stored = f"{item.created_at:%Y-%m-%d %H:%M}"
        made.add_row(item.id, str(item.number), str(len(item.document.rules)), stored, plain(item.name))
    return made
