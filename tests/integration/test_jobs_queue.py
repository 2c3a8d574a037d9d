"""The queue against a real PostgreSQL: one owner at a time, and only the owner writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.db.engine import SessionFactory, scoped, transaction
from services.db.tables import AuditRow, JobKind, JobRow, JobState
from services.db.trust import ProjectRow
from services.errors import Fenced
from services.jobs import queue
from services.jobs.queue import Claim, fenced
from tests.builders.rows import add_audit

KINDS = list(JobKind)
LEASE = 600.0


def add_jobs(factory: SessionFactory, count: int, kind: JobKind = JobKind.AUDIT) -> list[str]:
    with transaction(factory) as session:
        return [queue.enqueue(session, kind, f"aud_{number:020d}") for number in range(count)]


def take(factory: SessionFactory, worker: str = "w", kinds: list[JobKind] = KINDS) -> Claim | None:
    with transaction(factory) as session:
        return queue.claim(session, kinds, worker, LEASE)


def must_take(factory: SessionFactory) -> Claim:
    owner = take(factory)
    if owner is None:
        raise RuntimeError("no job")
    return owner


def expire(factory: SessionFactory) -> None:
    with transaction(factory) as session:
        session.execute(update(JobRow).values(lease_expires_at=func.now() - timedelta(seconds=1)))


def job(factory: SessionFactory) -> JobRow:
    with transaction(factory) as session:
        return session.execute(select(JobRow)).scalar_one()


def test_two_claimers_never_get_one_job(factory: SessionFactory) -> None:
    jobs = add_jobs(factory, 40)
    start = threading.Barrier(8)

    def claim_all(worker: int) -> list[str]:
        start.wait()
        mine = []
        while (owner := take(factory, f"w{worker}")) is not None:
            mine.append(owner.job_id)
        return mine

    with ThreadPoolExecutor(8) as threads:
        taken = [job_id for mine in threads.map(claim_all, range(8)) for job_id in mine]
    assert sorted(taken) == sorted(jobs)


def test_a_job_exists_exactly_when_its_audit_does(factory: SessionFactory) -> None:
    with pytest.raises(RuntimeError, match="after all"):
        add_and_think_again(factory)
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(AuditRow)) == 0
        assert session.scalar(select(func.count()).select_from(JobRow)) == 0
    assert take(factory) is None


def add_and_think_again(factory: SessionFactory) -> None:
    with transaction(factory) as session:
        add_audit(session)
        raise RuntimeError("not after all")


def test_a_claim_is_invisible_until_its_job_is_committed(factory: SessionFactory) -> None:
    with transaction(factory) as session:
        queue.enqueue(session, JobKind.AUDIT, "aud_1")
        assert take(factory) is None
    assert take(factory) is not None


WRITES: list[Callable[[Session, Claim], None]] = [
    queue.guard,
    lambda session, owner: queue.heartbeat(session, owner, LEASE),
    lambda session, owner: queue.finish(session, owner, JobState.DONE),
    lambda session, owner: queue.requeue(session, owner, 0.0),
]


@pytest.mark.parametrize("write", WRITES, ids=["guard", "heartbeat", "finish", "requeue"])
def test_an_expired_lease_gives_a_new_token_and_fences_the_old(
    factory: SessionFactory, write: Callable[[Session, Claim], None]
) -> None:
    add_jobs(factory, 1)
    stale = must_take(factory)
    assert take(factory) is None
    expire(factory)
    current = must_take(factory)
    assert current.job_id == stale.job_id
    assert current.token > stale.token
    assert (stale.attempt, current.attempt) == (1, 2)
    assert (stale.reclaimed, current.reclaimed) == (False, True)
    with pytest.raises(Fenced), transaction(factory) as session:
        write(session, stale)
    with transaction(factory) as session:
        write(session, current)


def test_a_heartbeat_keeps_the_lease(factory: SessionFactory) -> None:
    add_jobs(factory, 1)
    owner = must_take(factory)
    expire(factory)
    with transaction(factory) as session:
        queue.heartbeat(session, owner, LEASE)
    assert take(factory) is None


def test_a_job_ends_once(factory: SessionFactory) -> None:
    add_jobs(factory, 1)
    owner = must_take(factory)
    start = threading.Barrier(6)

    def end(_: int) -> int:
        start.wait()
        try:
            with fenced(factory, owner) as session:
                queue.finish(session, owner, JobState.DONE)
        except Fenced:
            return 0
        return 1

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(end, range(6))) == 1
    assert job(factory).state == JobState.DONE
    assert take(factory) is None


def test_a_fenced_transaction_that_raises_leaves_nothing(factory: SessionFactory) -> None:
    add_jobs(factory, 1)
    owner = must_take(factory)
    with pytest.raises(RuntimeError):
        finish_and_think_again(factory, owner)
    assert job(factory).state == JobState.RUNNING


def finish_and_think_again(factory: SessionFactory, owner: Claim) -> None:
    with fenced(factory, owner) as session:
        queue.finish(session, owner, JobState.DONE)
        raise RuntimeError


def test_a_requeued_job_waits_and_counts_only_true_attempts(factory: SessionFactory) -> None:
    add_jobs(factory, 1)
    with transaction(factory) as session:
        queue.requeue(session, must_take(factory), delay=0.0, counted=False)
    owner = must_take(factory)
    assert owner.attempt == 1
    with transaction(factory) as session:
        queue.requeue(session, owner, delay=3600.0, error="the GPU was busy")
    assert take(factory) is None
    assert job(factory).last_error == "the GPU was busy"
    with transaction(factory) as session:
        session.execute(update(JobRow).values(available_at=func.now()))
    assert must_take(factory).attempt == 2


def test_lanes_take_their_own_kinds_only(factory: SessionFactory) -> None:
    add_jobs(factory, 1, JobKind.INTAKE_DATASET)
    assert take(factory, kinds=[JobKind.AUDIT, JobKind.INTAKE_CLASSIFIER]) is None
    assert take(factory, kinds=[JobKind.INTAKE_DATASET]) is not None


def test_the_oldest_job_comes_first(factory: SessionFactory) -> None:
    jobs = [add_jobs_at(factory, subject, age) for subject, age in (("aud_a", 10), ("aud_b", 30), ("aud_c", 20))]
    assert [must_take(factory).job_id for _ in range(3)] == [jobs[1], jobs[2], jobs[0]]


def add_jobs_at(factory: SessionFactory, subject: str, age: int) -> str:
    with transaction(factory) as session:
        job_id = queue.enqueue(session, JobKind.AUDIT, subject)
        session.execute(
            update(JobRow).where(JobRow.id == job_id).values(available_at=func.now() - timedelta(seconds=age))
        )
    return job_id


def test_a_subject_has_one_open_job(factory: SessionFactory) -> None:
    add_jobs(factory, 1)
    with pytest.raises(IntegrityError):
        add_jobs(factory, 1)
    with transaction(factory) as session:
        queue.finish(session, must_take(factory), JobState.DONE)
    assert len(add_jobs(factory, 1)) == 1


def test_only_a_waiting_job_is_cancelled_from_outside(factory: SessionFactory) -> None:
    add_jobs(factory, 2)
    owner = must_take(factory)
    with transaction(factory) as session:
        assert not queue.cancel_waiting(session, owner.subject_id)
        other = "aud_00000000000000000001" if owner.subject_id.endswith("0") else "aud_00000000000000000000"
        assert queue.cancel_waiting(session, other)
        assert queue.depth(session) == 0
    assert take(factory) is None


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2.0), (2, 4.0), (5, 32.0), (6, 60.0), (2000, 60.0)])
def test_backoff_doubles_up_to_a_minute(attempt: int, seconds: float) -> None:
    assert queue.backoff(attempt) == seconds


def add_jobs_of(factory: SessionFactory, project: str, count: int, age: int) -> list[str]:
    """Jobs of a project that wait for ``age`` seconds and less."""
    with scoped(factory, project) as session:
        jobs = [queue.enqueue(session, JobKind.COMPARISON, f"{project}_{number}") for number in range(count)]
        for number, job_id in enumerate(jobs):
            since = func.now() - timedelta(seconds=age - number)
            session.execute(update(JobRow).where(JobRow.id == job_id).values(available_at=since))
    return jobs


@pytest.fixture
def teams(factory: SessionFactory) -> tuple[str, str]:
    with transaction(factory) as session:
        session.add_all([ProjectRow(id=name, name=name) for name in ("prj_a", "prj_b")])
    return "prj_a", "prj_b"


def test_projects_take_turns(factory: SessionFactory, teams: tuple[str, str]) -> None:
    many, one = add_jobs_of(factory, teams[0], 10, age=1000), add_jobs_of(factory, teams[1], 1, age=0)
    assert [must_take(factory).job_id for _ in range(4)] == [many[0], one[0], many[1], many[2]]


def test_what_a_project_has_in_another_lane_does_not_count(factory: SessionFactory, teams: tuple[str, str]) -> None:
    add_jobs_of(factory, teams[0], 1, age=1000)
    must_take(factory)
    with scoped(factory, teams[0]) as session:
        first = queue.enqueue(session, JobKind.INTAKE_DATASET, "dat_a")
        session.execute(update(JobRow).where(JobRow.id == first).values(available_at=func.now() - timedelta(seconds=9)))
    with scoped(factory, teams[1]) as session:
        queue.enqueue(session, JobKind.INTAKE_DATASET, "dat_b")
    taken = take(factory, kinds=[JobKind.INTAKE_DATASET])
    assert taken is not None
    assert taken.job_id == first


def test_a_project_has_at_most_so_many(factory: SessionFactory, teams: tuple[str, str]) -> None:
    add_jobs_of(factory, teams[0], 8, age=1000)
    other = add_jobs_of(factory, teams[1], 1, age=0)
    start = threading.Barrier(8)

    def limited(_: int) -> Claim | None:
        start.wait()
        with transaction(factory) as session:
            return queue.claim(session, KINDS, "w", LEASE, most=1)

    with ThreadPoolExecutor(8) as threads:
        taken = [owner for owner in threads.map(limited, range(8)) if owner is not None]
    assert sorted(owner.project for owner in taken) == list(teams)
    assert other[0] in {owner.job_id for owner in taken}
    expire(factory)
    with transaction(factory) as session:
        again = queue.claim(session, KINDS, "w", LEASE, most=1)
    assert again is not None
    assert again.reclaimed
