"""One run of retention over the whole installation: rows whose time is over, then objects that nothing names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.engine import SessionFactory, scoped, transaction
from services.db.trust import ProjectRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore

from . import expiry, guard
from .collector import Collector, Found, Limits
from .expiry import Removed

log = structlog.get_logger()

LOCK = 0x5C070AA
"""Of the database: one run at a time, whatever the number of dispatchers."""
MOST_ROUNDS = 50
"""Batches of rows per project, kind and run."""


@dataclass(frozen=True)
class Retention:
    """What a run works on. ``stage_days``: stage outputs that nobody used for so long are forgotten."""

    factory: SessionFactory
    store: S3BlobStore
    limits: Limits
    stage_days: int

    def run(self, dry_run: bool = False, force: bool = False) -> Found | None:
        """Remove what is over; ``None`` when another run is under way.

        Args:
            dry_run: only say what would go; nothing is written anywhere.
            force: believe this database, whatever the bucket's history and however much would go.

        Raises:
            CollectionRefused: database and bucket do not fit; nothing was removed.
            Unavailable: the storage did not answer; the next run goes on.
        """
        with _only_one(self.factory) as mine:
            return self._run(dry_run, force) if mine else None

    def check_same_history(self) -> None:
        """Whether bucket and database belong together.

        Raises:
            CollectionRefused: they do not, or not any more.
            Unavailable: the storage did not answer.
        """
        with transaction(self.factory) as session:
            guard.check_same_history(session, self.store)

    def _run(self, dry_run: bool, force: bool) -> Found:
        if dry_run:
            return self._collect(None, force=True)
        if not force:
            self.check_same_history()
        run = guard.begin(self.factory, self.store)
        found = self._expire(run)
        found.add(self._collect(run, force))
        guard.end(self.factory, run, found.counts())
        log.info("retention.done", **found.counts())
        return found

    def _collect(self, run: str | None, force: bool) -> Found:
        """Every project, also after one that was refused; without a run, dry."""
        found, refused = Found(), []
        for project in self._projects():
            try:
                found.add(self._collect_one(project, run, force))
            except guard.CollectionRefused as refusal:
                refused.append(f"project {project}: {refusal}")
        if refused:
            raise guard.CollectionRefused(" ".join(refused))
        return found

    def _collect_one(self, project: str, run: str | None, force: bool) -> Found:
        store = self.store.of_project(project)
        if run is None:
            return Collector(self.factory, store, project, self.limits, dry_run=True, force=force).run()
        forgotten = guard.forgotten(self.factory, run, project)
        found = Collector(self.factory, store, project, self.limits, force=force, forgotten=forgotten).run()
        left = max(0, min(forgotten, found.orphans) - found.set_aside)
        guard.note_forgotten(self.factory, run, project, left)
        return found

    def _expire(self, run: str) -> Found:
        found = Found()
        for project in self._projects():
            audits = self._rounds(run, project, partial(expiry.remove_audits, project=project))
            stages = self._rounds(run, project, partial(expiry.forget_stages, days=self.stage_days))
            uploads = self._rounds(run, project, expiry.forget_uploads)
            found.audits, found.rows = found.audits + audits, found.rows + stages + uploads
        for _ in range(MOST_ROUNDS):
            with transaction(self.factory) as session:
                pruned = expiry.prune_installation(session)
            found.rows += pruned
            if not pruned:
                break
        return found

    def _rounds(self, run: str, project: str, step: Callable[[Session], Removed]) -> int:
        """Batches until one finds nothing."""
        total = 0
        for _ in range(MOST_ROUNDS):
            with scoped(self.factory, project) as session:
                removed = step(session)
            if not removed.rows:
                break
            total += removed.rows
            before = guard.forgotten(self.factory, run, project)
            guard.note_forgotten(self.factory, run, project, before + removed.digests)
        return total

    def _projects(self) -> list[str]:
        with transaction(self.factory) as session:
            return list(session.scalars(select(ProjectRow.id).order_by(ProjectRow.id)))


def retention(settings: Settings, factory: SessionFactory, store: S3BlobStore) -> Retention:
    """Retention as the settings have it."""
    grace = timedelta(seconds=settings.orphan_seconds)
    return Retention(factory, store, Limits(grace=grace, waiting=grace), settings.stage_memory_days)


@contextmanager
def _only_one(factory: SessionFactory) -> Iterator[bool]:
    """Whether this run may work: a lock of the database that ends with the connection, however that ends."""
    with factory.kw["bind"].connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mine = bool(connection.scalar(select(func.pg_try_advisory_lock(LOCK))))
        try:
            yield mine
        finally:
            if mine:
                connection.execute(select(func.pg_advisory_unlock(LOCK)))
