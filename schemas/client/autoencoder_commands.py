"""``scotoma autoencoder``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ..autoencoders import Autoencoder
from .file_commands import ExistingFile, Json, Name, NoWait, Timeout
from .session import session_of, table, upload_bar, write_json
from .terminal import plain

Black = Annotated[float, typer.Option("--low", help="Value of black in both files.")]
White = Annotated[float, typer.Option("--high", help="Value of white in both files.")]

autoencoders = typer.Typer(no_args_is_help=True, help="Push and list your own autoencoders (two ONNX files).")


@autoencoders.command("push")
def push_autoencoder(
    context: typer.Context,
    encoder: ExistingFile,
    decoder: ExistingFile,
    name: Name = None,
    low: Black = 0.0,
    high: White = 1.0,
    no_wait: NoWait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send an encoder and a decoder and wait until they are checked. The same bytes are sent only once.

    ENCODER turns images (batch, channels, height, width) into codes (batch, codes), DECODER codes into images.

    Example: scotoma autoencoder push encoder.onnx decoder.onnx --low -1
    """
    session = session_of(context)
    with session.client() as client:
        with upload_bar(session.people, encoder.name) as on_progress:
            item = client.push_autoencoder(
                encoder, decoder, name=name, value_range=(low, high), on_progress=on_progress
            )
        item = item if no_wait else client.wait_for_intake(item, timeout=timeout)
    write_json(item) if as_json else session.out.print(autoencoder_table([item]))


@autoencoders.command("list")
def list_autoencoders(context: typer.Context, as_json: Json = False) -> None:
    """Every autoencoder, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.autoencoders())
    write_json(items) if as_json else session.out.print(autoencoder_table(items))


def autoencoder_table(items: list[Autoencoder]) -> Table:
    """Autoencoders in columns."""
    made = table("Id", "State", "Codes", "Images", "Name")
    for item in items:
        facts = item.facts
        codes, size = (str(facts.code_dim), f"{facts.height} x {facts.width}") if facts else ("", "")
        made.add_row(item.id, item.state, codes, size, plain(item.name))
    return made
