"""An import job: fetch a model version from its registry, wait until intake has read it, begin its audit."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from schemas.classifiers import IntakeState
from schemas.problems import ErrorCode, Problem
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.tables import JobState
from services.errors import (
    Conflict,
    Fenced,
    QuotaExceeded,
    RegistryUnreachable,
    ServiceError,
    Unavailable,
    failure,
)
from services.jobs import queue
from services.jobs.queue import Claim, fenced
from services.registries import importing
from services.registries.access import access_of
from services.registries.importing import Fetched
from services.registries.service import options_of
from services.storage.multipart import MultipartUploads

from .interrupts import OUTAGE_SECONDS, ShuttingDown
from .watch import Signals
from .workbench import Workbench

log = structlog.get_logger()

INTAKE_WAIT_SECONDS = 0.5
PATIENCE_SECONDS = 24 * 3600.0
"""How long a registry may be away, or a quota full, before the version has failed."""
SHORTEST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
"""Seconds between two attempts to reach a registry that is away: as long again as it has been away."""

Rows = tuple[RegistryVersionRow, RegistryRow]


def run_import(bench: Workbench, owner: Claim, signals: Signals) -> None:
    """Work on a version until its audit is queued, it has failed, or it is given back.

    Raises:
        Fenced: another dispatcher owns it; nothing was written.
        LeaseLost: likewise.
    """
    try:
        rows = _open(bench, owner)
        if rows is None:
            return
        if rows[0].classifier_id is None:
            file = _fetch(bench, owner, rows, signals)
            with fenced(bench.factory, owner) as session:
                importing.register(session, _version(session, owner), options_of(rows[1]), file)
        _advance(bench, owner, rows[1])
    except ShuttingDown:
        _give_back(bench, owner, "the dispatcher shut down", 0.0)
    except Fenced:
        raise
    except ServiceError as error:
        _stopped(bench, owner, error)


def _open(bench: Workbench, owner: Claim) -> Rows | None:
    """The version and its registry; ``None`` when the job ended here."""
    with fenced(bench.factory, owner) as session:
        version = session.get(RegistryVersionRow, owner.subject_id)
        if version is None:  # the registry was removed
            bench.end_job(session, owner, JobState.CANCELLED)
            return None
        if owner.attempt > bench.settings.max_attempts:
            detail = f"{bench.settings.max_attempts} attempts lost their dispatcher"
            _fail(bench, session, owner, failure(ErrorCode.ATTEMPTS_EXHAUSTED, detail, status=500))
            return None
        return version, session.get_one(RegistryRow, version.registry_id)


def _fetch(bench: Workbench, owner: Claim, rows: Rows, signals: Signals) -> Fetched:
    """The quota is asked before the first byte comes: what is refused is not fetched again with each try."""
    version, registry = rows
    access, most = access_of(bench.settings), bench.settings.max_upload_bytes
    file = importing.find(access, registry, version, most)
    with fenced(bench.factory, owner) as session:
        room = importing.room_for(session, file, most)
    return importing.fetch(access, registry, file, MultipartUploads(bench.store), room, signals.check)


def _advance(bench: Workbench, owner: Claim, registry: RegistryRow) -> None:
    """What follows from where the classifier's intake is."""
    with fenced(bench.factory, owner) as session:
        version = _version(session, owner)
        state, problem = importing.intake_of(session, version)
        if state is IntakeState.PENDING:
            queue.requeue(session, owner, INTAKE_WAIT_SECONDS, counted=False)
        elif problem is not None:
            _fail(bench, session, owner, problem)
        else:
            importing.begin_audit(session, version, registry)
            bench.end_job(session, owner, JobState.DONE)


def _stopped(bench: Workbench, owner: Claim, error: ServiceError) -> None:
    """Another attempt later where waiting can help, for a day at most."""
    log.warning("import.stopped", version=owner.subject_id, code=error.code, detail=error.detail)
    pause = _pause(owner, error)
    if pause is None or (owner.waited > PATIENCE_SECONDS and not isinstance(error, Unavailable)):
        with fenced(bench.factory, owner) as session:
            _fail(bench, session, owner, failure(error.code, error.detail, error.advice, status=error.status))
        return
    _give_back(bench, owner, error.detail, pause)


def _pause(owner: Claim, error: ServiceError) -> float | None:
    """Seconds until another attempt; ``None`` where none can help. A registry that stays away is asked less often."""
    if isinstance(error, Unavailable):
        return OUTAGE_SECONDS
    if isinstance(error, QuotaExceeded):
        return float(error.retry_after)
    if isinstance(error, RegistryUnreachable):
        return min(max(SHORTEST_PAUSE, owner.waited), LONGEST_PAUSE)
    return INTAKE_WAIT_SECONDS if isinstance(error, Conflict) else None


def _give_back(bench: Workbench, owner: Claim, why: str, delay: float) -> None:
    """Later; an attempt that only waited does not count."""
    with fenced(bench.factory, owner) as session:
        queue.requeue(session, owner, delay, error=why, counted=False)


def _fail(bench: Workbench, session: Session, owner: Claim, problem: Problem) -> None:
    importing.fail(_version(session, owner), problem)
    bench.end_job(session, owner, JobState.FAILED, error=problem.code)


def _version(session: Session, owner: Claim) -> RegistryVersionRow:
    return session.get_one(RegistryVersionRow, owner.subject_id)
