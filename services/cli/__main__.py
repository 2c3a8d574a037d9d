"""``python -m services.cli``: start the whole stack here, migrate, check, dispatch."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.db.migrate import migrate as migrate_database
from services.dispatch.__main__ import main as run_dispatcher
from services.dispatch.__main__ import stop_on_signals
from services.embedded.stack import API_PORT, Stack
from services.errors import ServiceError
from services.retention.guard import CollectionRefused
from services.settings import Settings, SettingsError, load_settings

from .check import CHECKS
from .collect import run_collection

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run Scotoma's service.", rich_markup_mode=None)
console = Console(highlight=False)


@app.command()
def up(
    folder: Annotated[Path, typer.Option(help="Where data, logs and keys are kept between runs.")] = Path(".scotoma"),
    port: Annotated[int, typer.Option(help="Port of the API; another one is taken if it is in use.")] = API_PORT,
    host: Annotated[str, typer.Option(help="Address that the API listens on.")] = "127.0.0.1",
) -> None:
    """Start database, object storage, API, dispatcher and Ray on this machine. Ctrl-C stops them."""
    stop = threading.Event()
    stop_on_signals(stop)
    try:
        with Stack(folder, port, host) as stack:
            console.print(f"Starting Scotoma on [bold]{stack.folder.path}[/]")
            stack.start(_tick)
            _welcome(stack, port)
            _watch(stack, stop)
            console.print("Stopping …")
    except (ServiceError, SettingsError) as error:
        raise _give_up(error) from error
    console.print("Stopped. The data is kept.")


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema (SCOTOMA_DATABASE_URL)."""
    migrate_database(_settings().database_url.get_secret_value())
    console.print("The schema is current.")


@app.command()
def check() -> None:
    """Say whether database, object storage and Ray can be reached. Exit code 1 when one cannot."""
    settings, failed = _settings(), 0
    for name, probe in CHECKS.items():
        try:
            console.print(f"[green]✓[/] {name}: {probe(settings)}")
        except Exception as error:  # every fault of a probe is its answer
            failed += 1
            console.print(f"[red]✗[/] {name}: {type(error).__name__}: {str(error).splitlines()[0]}", markup=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go; change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Believe this database, however much would go.")] = False,
) -> None:
    """Remove what retention is over for, and objects that nothing names. The dispatcher does so by itself."""
    try:
        for line in run_collection(_settings(), dry_run, force):
            console.print(line, markup=False, soft_wrap=True)
    except (ServiceError, CollectionRefused) as error:
        raise _give_up(error) from error


@app.command()
def dispatch() -> None:
    """Run a dispatcher in the foreground (SCOTOMA_RAY_ADDRESS, or a local Ray)."""
    run_dispatcher()


def _settings() -> Settings:
    try:
        return load_settings(os.environ)
    except SettingsError as error:
        raise _give_up(error) from error


def _give_up(error: Exception) -> typer.Exit:
    advice = getattr(error, "advice", "")
    console.print(f"[red]✗[/] {error} {advice}".rstrip())
    return typer.Exit(1)


def _tick(name: str, seconds: float) -> None:
    console.print(f"  [green]✓[/] {name:<20} {seconds:6.1f} s")


def _welcome(stack: Stack, port: int) -> None:
    if stack.settings.api_port != port:
        console.print(f"  [yellow]![/] port {port} is in use; the API took another one")
    console.print(
        f"\nScotoma answers at [bold]{stack.url}[/] (documentation: {stack.url}/docs). To use it from a shell:\n"
    )
    console.print(f"  export SCOTOMA_URL={stack.url}")
    console.print(f'  export SCOTOMA_API_KEY="$(cat {stack.key_file})"')
    console.print("  scotoma audit run MODEL.onnx DATA.npz\n")
    console.print(f"Logs: {stack.folder.path / 'logs'}. Ctrl-C stops everything and keeps the data.")


def _watch(stack: Stack, stop: threading.Event) -> None:
    while not stop.wait(1.0):
        for name in stack.supervise():
            console.print(f"  [yellow]![/] {name} ended and was started again")


if __name__ == "__main__":
    app()
