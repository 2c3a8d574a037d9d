"""Stands in for the dispatcher where a test is about what stands around it: accepts every file, ends every audit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select, update

from services.db.engine import transaction
from services.db.tables import AuditRow, AutoencoderRow, ClassifierRow, DatasetRow

from .api_server import Api
from .results import result, sheets
from .rows import autoencoder_facts, classifier_facts, dataset_facts


def accept_files(api: Api) -> None:
    """What the intake workers do with good files."""
    with transaction(api.factory) as session:
        session.execute(update(ClassifierRow).values(state="ready", facts=classifier_facts()))
        session.execute(update(DatasetRow).values(state="ready", facts=dataset_facts()))
        session.execute(update(AutoencoderRow).values(state="ready", facts=autoencoder_facts()))


@contextmanager
def dispatching(api: Api) -> Iterator[None]:
    """While the block runs, audits end within a moment, each with the builders' result."""
    stop = threading.Event()
    thread = threading.Thread(target=_drive, args=(api, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _drive(api: Api, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        accept_files(api)
        with transaction(api.factory) as session:
            waiting = list(session.scalars(select(AuditRow.id).where(AuditRow.state == "queued")))
        for audit in waiting:
            api.run(audit)
            api.stage(audit, "taps")
            api.succeed(audit, result(), sheets())
