"""Steering a dispatcher from a test: run it, wait for what it does, read what it wrote."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select, update

from schemas.audits import AuditState
from services.db.engine import SessionFactory, transaction
from services.db.tables import AuditEventRow, AuditRow
from services.dispatch.dispatcher import Dispatcher
from tests.builders.rows import add_audit

PATIENCE = 40.0


@contextmanager
def running(dispatcher: Dispatcher) -> Iterator[None]:
    """The dispatcher's loop in a thread, stopped at the end."""
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def eventually(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it never happened")
        time.sleep(0.05)


def submit(factory: SessionFactory, name: str) -> str:
    """A queued audit of this name."""
    with transaction(factory) as session:
        return add_audit(session, name)


def audit_row(factory: SessionFactory, audit: str) -> AuditRow:
    """The audit's row now."""
    with transaction(factory) as session:
        return session.get_one(AuditRow, audit)


def ended(factory: SessionFactory, *audits: str) -> Callable[[], bool]:
    """Whether all ``audits`` are terminal."""
    return lambda: all(AuditState(audit_row(factory, audit).state).terminal for audit in audits)


def events(factory: SessionFactory, audit: str) -> list[AuditEventRow]:
    """Every event, in order."""
    statement = select(AuditEventRow).where(AuditEventRow.audit_id == audit).order_by(AuditEventRow.sequence)
    with transaction(factory) as session:
        return list(session.scalars(statement))


def states(factory: SessionFactory, audit: str) -> list[str]:
    """The states that the events tell of."""
    return [event.data["state"] for event in events(factory, audit) if event.type == "state"]


def runs(folder: Path) -> list[str]:
    """Names of the stages that ran, sorted."""
    return sorted((folder / "runs.log").read_text().split())


def cancel(factory: SessionFactory, audit: str) -> None:
    """Ask for cancellation."""
    with transaction(factory) as session:
        session.execute(update(AuditRow).where(AuditRow.id == audit).values(cancel_requested=True))
