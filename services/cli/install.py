"""``python -m services.cli.install``: what an installation does once; in the API's image, without Ray and torch."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from schemas.api_keys import ApiKeyCreate, Scope
from schemas.projects import DEFAULT_PROJECT
from services.api_keys import service as api_keys
from services.api_keys.service import Principal
from services.db.engine import make_engine, make_session_factory, transaction
from services.db.migrate import migrate as migrate_database
from services.errors import NotFound, Unavailable
from services.projects import service as projects
from services.projects.trail import record
from services.settings import Settings, SettingsError, load_settings
from services.storage.client import bucket_of, ensure_bucket

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Prepare an installation.", rich_markup_mode=None)

PAUSE_SECONDS = 2.0
INSTALLER = Principal("install", Scope.ADMIN)
"""Whoever may run commands where the service runs, as the trail names them."""


@app.command()
def prepare(
    bucket: Annotated[bool, typer.Option("--bucket", help="Also create the bucket when it is missing.")] = False,
    within: Annotated[float, typer.Option(help="Seconds to wait for servers that are still starting.")] = 120.0,
) -> None:
    """Bring the database to the newest schema, and make the bucket."""
    settings, until = _settings(), time.monotonic() + within
    while True:
        try:
            migrate_database(settings.database_url.get_secret_value())
            if bucket:
                ensure_bucket(bucket_of(settings))
            break
        except (OperationalError, Unavailable) as error:
            _wait_or_give_up(error, until)
    typer.echo("The installation is prepared.")


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose key it is; shown in lists.")],
    scope: Annotated[Scope, typer.Option(help="What the key may do.")] = Scope.ADMIN,
    days: Annotated[int | None, typer.Option(help="Days until it expires; without: never.")] = None,
    project: Annotated[str, typer.Option(help="Name or id of the project that it is for.")] = DEFAULT_PROJECT,
) -> None:
    """Make an API key and print its secret, this once: the first key of an installation, or one for a lost one."""
    engine = make_engine(_settings().database_url.get_secret_value(), pool_size=1)
    try:
        with transaction(make_session_factory(engine)) as session:
            body = ApiKeyCreate(name=name, scope=scope, expires_in_days=days)
            made = api_keys.create(session, body, projects.find(session, project).id)
            record(session, INSTALLER, "api-keys.create", made.id, made.project)
    except NotFound as error:
        typer.echo(f"{error.detail} Make it with: scotoma project create", err=True)
        raise typer.Exit(1) from error
    finally:
        engine.dispose()
    typer.echo(made.secret)


def _settings() -> Settings:
    try:
        return load_settings(os.environ)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _wait_or_give_up(error: Exception, until: float) -> None:
    """Sleep a little; past ``until``, say which server did not answer and end."""
    if time.monotonic() >= until:
        part = "object storage" if isinstance(error, Unavailable) else "database"
        typer.echo(f"The {part} does not answer ({type(error).__name__}).", err=True)
        raise typer.Exit(1) from error
    time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    app()
