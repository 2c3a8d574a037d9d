"""The migrations make the tables that the code declares, once, and can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from services.db.engine import make_engine, make_session_factory, transaction
from services.db.events import append_event
from services.db.every_table import METADATA
from services.db.migrate import alembic_config, migrate, schema_is_current
from services.db.tables import AuditEventRow, AuditRow
from tests.builders.rows import DIGEST, add_audit, add_autoencoder


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_migrations_make_the_declared_tables(empty: Engine, empty_database_url: str) -> None:
    with empty.connect() as connection:
        assert not schema_is_current(connection)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(migrate, [empty_database_url] * 3))
    with empty.connect() as connection:
        assert schema_is_current(connection)
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert connection.scalar(text("SELECT nextval('job_tokens')")) == 1


def test_checks_and_partial_indexes_are_those_of_the_declaration(empty: Engine, engine: Engine) -> None:
    """``compare_metadata`` does not look at these: build both ways and compare what PostgreSQL says."""
    with empty.begin() as connection:
        METADATA.create_all(connection)
        declared = catalogue(connection)
    with engine.connect() as connection:
        assert catalogue(connection) == declared


def catalogue(connection: Connection) -> set[tuple[str, str]]:
    statements = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid > 0 "
        "AND connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    )
    return {(name, definition) for statement in statements for name, definition in connection.execute(text(statement))}


def test_every_migration_can_be_undone(empty: Engine, empty_database_url: str) -> None:
    migrate(empty_database_url)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        left = connection.scalars(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
        assert set(left) == {"alembic_version", "alembic_version_pkc"}


@pytest.mark.parametrize(
    "change",
    ["state = 'paused'", "progress = 1.5", "state = 'succeeded'", "result_digest = 'ab'"],
)
def test_the_database_refuses_impossible_audits(engine: Engine, change: str) -> None:
    factory = make_session_factory(engine)
    with transaction(factory) as session:
        add_audit(session)
    with pytest.raises(IntegrityError), transaction(factory) as session:
        session.execute(text(f"UPDATE audits SET {change}"))


def test_events_are_numbered_without_gaps(engine: Engine) -> None:
    factory = make_session_factory(engine)
    with transaction(factory) as session:
        audit = add_audit(session)

    def write(number: int) -> None:
        with transaction(factory) as session:
            append_event(session, audit, "stage", {"number": number})
            if number % 3 == 0:
                session.rollback()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(30)))
    with transaction(factory) as session:
        sequences = sorted(session.scalars(text("SELECT sequence FROM audit_events")))
        assert sequences == list(range(1, 21))
        assert session.get_one(AuditRow, audit).last_sequence == 20
        assert session.query(AuditEventRow).count() == 20


def test_rows_outlive_the_way_back_and_forth(empty: Engine, empty_database_url: str) -> None:
    """From 0002 to 0001 and again: files and audits stay, what 0001 cannot hold is dropped."""
    migrate(empty_database_url)
    factory = make_session_factory(empty)
    with transaction(factory) as session:
        audit = add_audit(session)
        add_autoencoder(session, state="pending")
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
        assert connection.scalars(text("SELECT canonical_digest FROM classifiers")).all() == [DIGEST]
        assert connection.scalars(text("SELECT kind FROM jobs")).all() == ["audit"]
    migrate(empty_database_url)
    with transaction(factory) as session:
        assert session.get_one(AuditRow, audit).state == "queued"
        add_autoencoder(session, state="pending")
