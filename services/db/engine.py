"""Engine, sessions, and the one place where a transaction commits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, func, make_url, select
from sqlalchemy.orm import Session, sessionmaker

from .scoping import TENANT_ROLE

DRIVER = "postgresql+psycopg"
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_TIMEOUT_MS = 60_000

TOLD_SINKS = "told_sinks"
"""Of ``Session.info``: see :func:`make_session_factory`."""

SessionFactory = sessionmaker[Session]


def driver_url(database_url: str) -> URL:
    """``database_url`` with the driver that this service uses, whatever scheme the operator wrote."""
    return make_url(database_url).set(drivername=DRIVER)


def make_engine(database_url: str, pool_size: int = 10) -> Engine:
    """An engine whose statements cannot run, wait for a lock, or idle in a transaction for ever."""
    options = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
        f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS} -c timezone=UTC"
    )
    return create_engine(
        driver_url(database_url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        hide_parameters=True,  # of a statement that fails: messages go to logs, and values are users' and secrets'
        connect_args={"options": options, "connect_timeout": 10, "application_name": "scotoma"},
    )


def make_session_factory(engine: Engine, told: Collection[str] = ()) -> SessionFactory:
    """Sessions that keep loaded values after a commit: rows are turned into contracts, not reloaded.

    ``told``: sinks of the whole installation that events go to, beside those that projects set up themselves.
    """
    return sessionmaker(engine, expire_on_commit=False, info={TOLD_SINKS: frozenset(told)})


@contextmanager
def transaction(factory: SessionFactory) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises. Nothing else may commit."""
    with factory.begin() as session:
        yield session


@contextmanager
def scoped(factory: SessionFactory, project: str) -> Iterator[Session]:
    """A transaction that sees and writes rows of ``project`` only: the database enforces it (row-level security).

    It works as a role without any other right, so that a query that forgets the project finds nothing of others.
    """
    with transaction(factory) as session:
        role, mark = func.set_config("role", TENANT_ROLE, True), func.set_config("scotoma.project", project, True)
        session.execute(select(role, mark))
        yield session
