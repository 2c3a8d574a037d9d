"""``scotoma webhook``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..webhooks import Delivery, DeliveryState, EventType, Webhook, WebhookSecret
from .file_commands import Json
from .session import SERVICE, ExitWith, session_of, table, write_json
from .terminal import plain

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, whk_….", show_default=False)]
Events = Annotated[
    list[EventType], typer.Option("--event", help="Tell this kind of event only. Repeatable.", show_default=False)
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to show.")]
Patience = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for the answer.")]

webhooks = typer.Typer(no_args_is_help=True, help="Have the service tell others what happens (key of scope admin).")


@webhooks.command("create")
def create_webhook(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.", show_default=False)],
    url: Annotated[str, typer.Argument(help="https://…, on the public internet.", show_default=False)],
    event: Events = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Tell URL of events; all of them when no --event is given. Shows the secret that signs them, once.

    Example: scotoma webhook create ops https://hooks.example.org/scotoma --event audit.gated --event audit.failed
    """
    session = session_of(context)
    with session.client() as client:
        made = client.create_webhook(name, url, event)
    write_json(made) if as_json else _show_secret(session.out, session.people, made)


@webhooks.command("list")
def list_webhooks(context: typer.Context, as_json: Json = False) -> None:
    """Every webhook, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.webhooks())
    write_json(items) if as_json else session.out.print(webhook_table(items))


@webhooks.command("test")
def send_ping(context: typer.Context, webhook: WebhookId, timeout: Patience = 30.0, as_json: Json = False) -> None:
    """Send a ping and show what came of it. Exit code 4 when it did not arrive, 5 when nothing came of it in time."""
    session = session_of(context)
    with session.client() as client:
        sent = client.wait_for_attempt(webhook, client.test_webhook(webhook), timeout)
    write_json(sent) if as_json else session.out.print(delivery_table([sent]))
    if sent.state is not DeliveryState.DELIVERED:
        raise ExitWith(SERVICE)


@webhooks.command("rotate")
def rotate_webhook(context: typer.Context, webhook: WebhookId, as_json: Json = False) -> None:
    """A new secret, shown once. For 24 hours the one before signs too."""
    session = session_of(context)
    with session.client() as client:
        rotated = client.rotate_webhook(webhook)
    write_json(rotated) if as_json else _show_secret(session.out, session.people, rotated)


@webhooks.command("deliveries")
def list_deliveries(context: typer.Context, webhook: WebhookId, limit: Limit = 25, as_json: Json = False) -> None:
    """What was, or is to be, told to it, newest first, with what came of the latest attempt."""
    session = session_of(context)
    with session.client() as client:
        items = list(islice(client.deliveries(webhook), limit))
    write_json(items) if as_json else session.out.print(delivery_table(items))


@webhooks.command("delete")
def delete_webhook(context: typer.Context, webhook: WebhookId) -> None:
    """Delete it, with what still waits for it."""
    with session_of(context).client() as client:
        client.delete_webhook(webhook)


def webhook_table(items: list[Webhook]) -> Table:
    """Webhooks in columns."""
    made = table("Id", "State", "Events", "Address", "Name")
    for item in items:
        wanted = " ".join(item.events) or "all"
        made.add_row(item.id, _state(item), wanted, plain(item.url), plain(item.name))
    return made


def delivery_table(items: list[Delivery]) -> Table:
    """Deliveries in columns."""
    made = table("Id", "Event", "Subject", "State", "Attempts", "Answer")
    for item in items:
        answer = item.error or (str(item.status) if item.status else "")
        made.add_row(item.id, item.type, plain(item.subject), item.state, str(item.attempts), plain(answer))
    return made


def _state(item: Webhook) -> str:
    if item.disabled_at is not None:
        return "disabled"
    return "failing" if item.failing_since is not None else "active"


def _show_secret(out: Console, people: Console, made: WebhookSecret) -> None:
    out.print(webhook_table([made]))
    out.print(plain(made.secret), soft_wrap=True)
    people.print("Keep this secret where the receiver finds it: it is not shown again.")
