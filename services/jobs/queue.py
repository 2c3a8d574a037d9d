"""The job row is the queue (``deploy/decisions/0002-the-job-row-is-the-queue.md``).

Every function works in the caller's transaction and on the database's clock. A claim takes a new, larger token; each
write of its owner is guarded by that token, so an owner that lost its lease can never write after the next one.

Lock order everywhere: the job row first, its subject (audit, classifier, dataset) second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import CTE, ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from services.db.engine import SessionFactory, scoped
from services.db.identifiers import new_id
from services.db.tables import TOKENS, JobKind, JobRow, JobState
from services.errors import Fenced
from services.tracing import traceparent

log = structlog.get_logger()

LONGEST_BACKOFF = 60.0


@dataclass(frozen=True)
class Claim:
    """The right to work on a job: valid while ``token`` is the row's. ``attempt`` counts from 1.

    ``project`` is the subject's: all that follows happens in it. ``reclaimed``: an earlier owner lost its lease.
    ``waited``: seconds from enqueue to this claim. ``traceparent`` (W3C) and ``request_id`` are of the request that
    enqueued it.
    """

    job_id: str
    kind: JobKind
    subject_id: str
    attempt: int
    token: int
    reclaimed: bool
    waited: float
    project: str
    traceparent: str | None = None
    request_id: str | None = None


def enqueue(session: Session, kind: JobKind, subject_id: str) -> str:
    """Add a job in the caller's transaction: it exists exactly when its subject does. Return its id.

    Raises:
        IntegrityError: the subject has an open job already.
    """
    request = get_contextvars().get("request_id")
    job = JobRow(id=new_id("job"), kind=kind, subject_id=subject_id, traceparent=traceparent(), request_id=request)
    session.add(job)
    session.flush()
    log.info("job.queued", job=job.id, kind=kind, subject=subject_id)
    return job.id


def claim(
    session: Session, kinds: Sequence[JobKind], worker: str, lease_seconds: float, most: int | None = None
) -> Claim | None:
    """Take a job that waits, or whose owner's lease ran out. ``None`` when there is none.

    The projects take turns: the job of the project with the fewest running ones of these ``kinds`` comes first, of
    those the oldest; a project that has ``most`` of them running gets no other. Claims under such a limit wait for
    each other, so that two cannot both be the last that fits.

    The caller compares ``attempt`` with its limit: a job whose owners keep dying is claimed once more, to be failed.
    """
    if most is not None:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"claim {' '.join(kinds)}", 0))))
    candidate = _candidate(kinds, most)
    statement = (
        update(JobRow)
        .where(JobRow.id == candidate.c.id)
        .values(
            state=JobState.RUNNING,
            attempt=JobRow.attempt + 1,
            token=TOKENS.next_value(),
            worker=worker,
            lease_expires_at=func.now() + timedelta(seconds=lease_seconds),
        )
        .returning(
            JobRow.id,
            JobRow.kind,
            JobRow.subject_id,
            JobRow.attempt,
            JobRow.token,
            candidate.c.state,
            func.extract("epoch", func.now() - JobRow.created_at),
            JobRow.project_id,
            JobRow.traceparent,
            JobRow.request_id,
        )
        .execution_options(synchronize_session=False)
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        return None
    job_id, kind, subject_id, attempt, token, before, waited, project, *origin = row
    reclaimed = before == JobState.RUNNING
    return Claim(job_id, JobKind(kind), subject_id, attempt, token, reclaimed, float(waited), project, *origin)


def _candidate(kinds: Sequence[JobKind], most: int | None) -> CTE:
    waits = and_(JobRow.state == JobState.QUEUED, JobRow.available_at <= func.now())
    abandoned = and_(JobRow.state == JobState.RUNNING, JobRow.lease_expires_at < func.now())
    running = _running(kinds)
    load = func.coalesce(running.c.jobs, 0)
    return (
        select(JobRow.id, JobRow.state)
        .outerjoin(running, running.c.project_id == JobRow.project_id)
        .where(JobRow.kind.in_(kinds), or_(waits, abandoned), true() if most is None else load < most)
        .order_by(load, JobRow.available_at, JobRow.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=JobRow)
        .cte("candidate")
    )


def _running(kinds: Sequence[JobKind]) -> CTE:
    """How many jobs of ``kinds`` each project has in the hands of an owner that lives."""
    return (
        select(JobRow.project_id, func.count().label("jobs"))
        .where(JobRow.kind.in_(kinds), JobRow.state == JobState.RUNNING, JobRow.lease_expires_at >= func.now())
        .group_by(JobRow.project_id)
        .cte("running")
    )


def guard(session: Session, owner: Claim) -> None:
    """Lock the job row for the rest of the transaction, as its owner. Call first in every transaction that writes.

    Raises:
        Fenced: the job was finished, cancelled or claimed by another.
    """
    row = session.execute(select(JobRow.id).where(_owned(owner)).with_for_update()).one_or_none()
    if row is None:
        raise Fenced(f"job {owner.job_id} is no longer owned by token {owner.token}")


@contextmanager
def fenced(factory: SessionFactory, owner: Claim) -> Iterator[Session]:
    """A transaction in the subject's project that only the current owner gets.

    Raises:
        Fenced: the job was finished, cancelled or claimed by another.
    """
    with scoped(factory, owner.project) as session:
        guard(session, owner)
        yield session


def heartbeat(session: Session, owner: Claim, lease_seconds: float) -> None:
    """Extend the lease from now.

    Raises:
        Fenced: the job is another's.
    """
    _update_owned(session, owner, lease_expires_at=func.now() + timedelta(seconds=lease_seconds))


def finish(session: Session, owner: Claim, state: JobState, error: str | None = None) -> None:
    """End the job, in the transaction that ends its subject.

    Raises:
        Fenced: the job is another's.
    """
    _update_owned(session, owner, state=state, finished_at=func.now(), lease_expires_at=None, last_error=error)


def requeue(session: Session, owner: Claim, delay: float, error: str | None = None, counted: bool = True) -> None:
    """Give the job back for ``delay`` seconds; an attempt that only waited is not ``counted``.

    Raises:
        Fenced: the job is another's.
    """
    _update_owned(
        session,
        owner,
        state=JobState.QUEUED,
        attempt=JobRow.attempt if counted else JobRow.attempt - 1,
        worker=None,
        lease_expires_at=None,
        available_at=func.now() + timedelta(seconds=delay),
        last_error=error,
    )


def cancel_waiting(session: Session, subject_id: str) -> bool:
    """Close the subject's job if nobody works on it; whether it was so. Call before touching the subject's row."""
    statement = (
        update(JobRow)
        .where(JobRow.subject_id == subject_id, JobRow.state == JobState.QUEUED)
        .values(state=JobState.CANCELLED, finished_at=func.now())
        .returning(JobRow.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).first() is not None


def depth(session: Session) -> int:
    """How many jobs wait."""
    return session.execute(select(func.count()).where(JobRow.state == JobState.QUEUED)).scalar_one()


def backoff(attempt: int) -> float:
    """Seconds to wait after attempt ``attempt`` failed: 2, 4, 8, … up to a minute."""
    return min(2.0 ** min(attempt, 10), LONGEST_BACKOFF)


def _owned(owner: Claim) -> ColumnElement[bool]:
    return and_(JobRow.id == owner.job_id, JobRow.token == owner.token, JobRow.state == JobState.RUNNING)


def _update_owned(session: Session, owner: Claim, **values: object) -> None:
    statement = (
        update(JobRow)
        .where(_owned(owner))
        .values(**values)
        .returning(JobRow.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(statement).first() is None:
        raise Fenced(f"job {owner.job_id} is no longer owned by token {owner.token}")
