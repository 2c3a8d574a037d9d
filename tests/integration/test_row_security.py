"""Row-level security, by hand-written SQL: what a query that forgot the project would find."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from services.db.engine import SessionFactory, make_engine, make_session_factory, scoped, transaction
from services.db.every_table import METADATA, SCOPED
from services.db.migrate import migrate
from services.projects.trail import note
from tests.builders.tenants import make_project, occupy

DENIED = "permission denied|violates row-level security"


class Teams(NamedTuple):
    """Two projects with a row each in every table."""

    sessions: SessionFactory
    ours: str
    theirs: str
    their_rows: dict[str, dict[str, Any]]


def teams_in(sessions: SessionFactory) -> Teams:
    with transaction(sessions) as session:
        ours, theirs = make_project(session, "ours"), make_project(session, "theirs")
        occupy(session, ours)
        return Teams(sessions, ours, theirs, occupy(session, theirs))


@pytest.fixture
def teams(factory: SessionFactory) -> Teams:
    return teams_in(factory)


@contextmanager
def refused(session: Session) -> Iterator[None]:
    """The statement of the block is denied, and the transaction goes on."""
    with pytest.raises(ProgrammingError, match=DENIED), session.begin_nested():
        yield


def everywhere(teams: Teams, check: Callable[[Session, str], None]) -> None:
    """``check`` in a transaction of ours, for every table with rows of projects."""
    with scoped(teams.sessions, teams.ours) as session:
        for table in SCOPED:
            check(session, table)


def test_every_table_with_a_project_is_guarded(engine: Engine) -> None:
    with_project = {table.name for table in METADATA.tables.values() if "project_id" in table.columns}
    guarded = text(
        "SELECT tablename FROM pg_policies JOIN pg_class ON relname = tablename WHERE relrowsecurity "
        "AND qual LIKE '%project_id = current_setting(%' AND with_check = qual AND cmd = 'ALL' "
        "AND roles = '{scotoma_tenant}'"
    )
    with engine.connect() as connection:
        assert set(connection.scalars(guarded)) == with_project == set(SCOPED)


def test_nothing_of_others_is_seen(teams: Teams) -> None:
    def check(session: Session, table: str) -> None:
        assert session.scalars(text(f"SELECT project_id FROM {table}")).all() == [teams.ours], table

    everywhere(teams, check)


def test_nothing_of_others_is_changed(teams: Teams) -> None:
    def check(session: Session, table: str) -> None:
        theirs = {"project": teams.theirs}
        if table == "trail":
            return
        for deed in ("UPDATE {} SET project_id = project_id", "DELETE FROM {}"):
            done = session.execute(text(f"{deed.format(table)} WHERE project_id = :project RETURNING 1"), theirs)
            assert done.all() == [], table
        with refused(session):
            session.execute(text(f"UPDATE {table} SET project_id = :project"), theirs)

    everywhere(teams, check)


def test_nothing_is_written_into_another_project(teams: Teams) -> None:
    def check(session: Session, table: str) -> None:
        values = teams.their_rows[table] | {"project_id": teams.theirs}
        if table == "trail":
            values = {name: value for name, value in values.items() if name not in {"id", "at"}}
        with refused(session):
            session.execute(METADATA.tables[table].insert().values(values))

    everywhere(teams, check)


def test_without_a_project_there_is_nothing(teams: Teams) -> None:
    for nobody in ("", "prj_unknown"):
        with scoped(teams.sessions, nobody) as session:
            for table in (*SCOPED, "projects"):
                assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_the_project_is_forgotten_with_its_transaction(teams: Teams) -> None:
    engine = teams.sessions.kw["bind"]
    with scoped(teams.sessions, teams.ours) as session:
        before = session.scalar(text("SELECT pg_backend_pid()"))
    with engine.connect() as connection:
        now = connection.execute(
            text("SELECT pg_backend_pid(), current_user, current_setting('scotoma.project', true)")
        ).one()
    assert now[0] == before
    assert now[1] != "scotoma_tenant"
    assert not now[2]


def test_the_trail_can_only_be_added_to(teams: Teams) -> None:
    with scoped(teams.sessions, teams.ours) as session:
        for deed in ("UPDATE trail SET action = 'nothing'", "DELETE FROM trail", "TRUNCATE trail"):
            with refused(session):
                session.execute(text(deed))
        assert session.scalar(text("SELECT count(*) FROM trail")) == 1
        note(session, teams.ours, "key_1", "audits.create", "aud_1", "request")
        session.flush()
        assert session.scalar(text("SELECT count(*) FROM trail WHERE at = now()")) == 1


@pytest.mark.parametrize(("column", "value"), [("at", datetime(2020, 1, 1, tzinfo=UTC)), ("id", 10**6)])
def test_nobody_chooses_when_a_deed_was_done(teams: Teams, column: str, value: object) -> None:
    told = ("principal", "action", "subject", "request_id")
    given: dict[str, object] = {**dict.fromkeys(told, "x"), "project_id": teams.ours}
    given[column] = value
    places = ", ".join(f":{name}" for name in given)
    forged = text(f"INSERT INTO trail ({', '.join(given)}) OVERRIDING SYSTEM VALUE VALUES ({places})")
    with scoped(teams.sessions, teams.ours) as session, refused(session):
        session.execute(forged, given)


def test_tables_of_the_installation_are_out_of_reach(teams: Teams) -> None:
    with scoped(teams.sessions, teams.ours) as session:
        assert session.scalars(text("SELECT id FROM projects")).all() == [teams.ours]
        for deed in ("UPDATE projects SET max_bytes = NULL", "DELETE FROM projects"):
            with refused(session):
                session.execute(text(deed))
        for table in set(METADATA.tables) - {*SCOPED, "projects"} | {"alembic_version"}:
            for deed in (f"UPDATE {table} SET {_a_column(table)} = NULL", f"DELETE FROM {table}"):
                with refused(session):
                    session.execute(text(deed))


def _a_column(table: str) -> str:
    return "version_num" if table == "alembic_version" else next(iter(METADATA.tables[table].columns)).name


def test_an_owner_without_any_privilege_can_run_the_service(empty_database_url: str) -> None:
    """The login of a managed database: no superuser, may make no roles; a DBA prepared the tenant's role for it."""
    with login_that_owns(empty_database_url) as url:
        migrate(url)
        engine = make_engine(url)
        try:
            teams = teams_in(make_session_factory(engine))
            test_nothing_of_others_is_seen(teams)
            test_nothing_is_written_into_another_project(teams)
        finally:
            engine.dispose()


@contextmanager
def login_that_owns(url: str) -> Iterator[str]:
    name, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
    owner, database = sql.Identifier(name), sql.Identifier(str(make_url(url).database))
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, sql.Literal(password)))
        admin.execute(sql.SQL("GRANT scotoma_tenant TO {}").format(owner))
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
        try:
            yield make_url(url).set(username=name, password=password).render_as_string(hide_password=False)
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
            admin.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(owner))
            admin.execute(sql.SQL("DROP OWNED BY {}").format(owner))
            admin.execute(sql.SQL("DROP ROLE {}").format(owner))
