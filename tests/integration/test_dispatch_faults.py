"""Dispatchers that die, stall or lose their lease; workers that always die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from prometheus_client import generate_latest
from sqlalchemy import func, select, update

from schemas.audits import AuditState
from schemas.problems import ErrorCode
from services.db.engine import SessionFactory, transaction
from services.db.tables import JobKind, JobRow, JobState
from services.dispatch import journal
from services.dispatch.dispatcher import Dispatcher, assembled
from services.jobs import queue
from services.observability import Metrics
from services.settings import Settings, settings_environ
from tests.builders.steering import audit_row, ended, events, eventually, running, runs, states, submit
from tests.builders.toy_science import toy_science


@contextmanager
def dispatcher_process(
    settings: Settings, folder: Path, root: Path, ray_address: str
) -> Iterator[subprocess.Popen[bytes]]:
    own = settings.model_copy(update={"ray_address": ray_address})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.builders.toy_dispatcher", str(folder)],
        env={**os.environ, **settings_environ(own)},
        cwd=root,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def expire_leases(factory: SessionFactory) -> None:
    with transaction(factory) as session:
        session.execute(update(JobRow).where(JobRow.state == JobState.RUNNING).values(lease_expires_at=func.now()))


def test_a_killed_dispatcher_is_followed_by_one_that_skips_what_was_done(
    settings: Settings, factory: SessionFactory, tmp_path: Path, ray_address: str, repository_root: Path
) -> None:
    audit = submit(factory, "fit:a sleep-once")
    with dispatcher_process(settings, tmp_path, repository_root, ray_address) as first:
        eventually(lambda: (tmp_path / "started").exists() and "fit:b" in runs(tmp_path))
        eventually(lambda: {s["stage"]: s["state"] for s in audit_row(factory, audit).stages}.get("fit:b") == "done")
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert audit_row(factory, audit).state == "running"
    expire_leases(factory)
    with dispatcher_process(settings, tmp_path, repository_root, ray_address) as second:
        eventually(ended(factory, audit))
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    row = audit_row(factory, audit)
    assert (row.state, row.attempt) == ("succeeded", 2)
    assert runs(tmp_path) == ["fit:a", "fit:a", "fit:b", "result", "taps"]
    assert states(factory, audit) == ["running", "queued", "running", "succeeded"]
    assert [event.sequence for event in events(factory, audit)] == list(range(1, row.last_sequence + 1))


def test_a_dispatcher_that_lost_its_lease_stops_and_writes_nothing(
    settings: Settings, factory: SessionFactory, tmp_path: Path, ray_address: str
) -> None:
    metrics = Metrics()
    audit = submit(factory, "fit:a sleep")
    with assembled(settings, toy_science(tmp_path), metrics) as bench, running(Dispatcher(bench)):
        eventually((tmp_path / "started").exists)
        rival = take_over(factory)
        eventually(lambda: b"audit_fenced_writes_total 1.0" in generate_latest(metrics.registry))
        before = audit_row(factory, audit).last_sequence
    assert audit_row(factory, audit).last_sequence == before
    assert audit_row(factory, audit).state == "running"
    with queue.fenced(factory, rival) as session:
        journal.move(session, audit, AuditState.CANCELLED)
        queue.finish(session, rival, JobState.CANCELLED)
    assert states(factory, audit) == ["running", "cancelled"]


def take_over(factory: SessionFactory) -> queue.Claim:
    """Expire the lease and claim in one transaction, so that no heartbeat comes between."""
    with transaction(factory) as session:
        session.execute(update(JobRow).values(lease_expires_at=func.now() - timedelta(seconds=1)))
        rival = queue.claim(session, [JobKind.AUDIT], "rival", 600)
    if rival is None:
        raise RuntimeError("the job was not there")
    return rival


def test_a_poison_audit_fails_and_others_keep_flowing(
    settings: Settings, factory: SessionFactory, tmp_path: Path, ray_address: str
) -> None:
    one_attempt = settings.model_copy(update={"max_attempts": 1})
    poison, healthy = submit(factory, "fit:a crash"), submit(factory, "ok")
    with assembled(one_attempt, toy_science(tmp_path), Metrics()) as bench, running(Dispatcher(bench)):
        eventually(ended(factory, poison, healthy))
    assert audit_row(factory, healthy).state == "succeeded"
    row = audit_row(factory, poison)
    assert row.state == "failed"
    assert row.problem is not None
    assert row.problem["code"] == ErrorCode.ATTEMPTS_EXHAUSTED
    assert runs(tmp_path).count("fit:a") == 3 + 1  # three lost workers, and the healthy audit's own
    with transaction(factory) as session:
        assert sorted(session.scalars(select(JobRow.state))) == ["done", "failed"]
