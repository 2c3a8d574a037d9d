"""Bring a database to the newest schema. Alembic is configured here; there is no ini file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from .engine import make_engine

ADVISORY_LOCK = 7_251_018


def migrate(database_url: str) -> None:
    """Run every missing migration in one transaction; a second runner waits for the first."""
    engine = make_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # rows of years may be rewritten
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            command.upgrade(alembic_config(connection), "head")
    finally:
        engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; its environment uses ``connection``."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def schema_is_current(connection: Connection) -> bool:
    """Whether the database is at the newest migration that this code knows."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def schema_is_sufficient(connection: Connection) -> bool:
    """Whether this code can work: the newest migration it knows was run, or the database is ahead of it.

    Ahead is fine, for migrations expand before they contract: the version before must serve while the next rolls out.
    """
    scripts = ScriptDirectory.from_config(alembic_config())
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None or current == scripts.get_current_head():
        return current is not None
    return current not in {script.revision for script in scripts.walk_revisions()}
