"""Removes objects of a project that nothing names, in two steps: set aside when old, removed when still unnamed later.

Why that never removes what somebody needs: a publisher stores a blob first and names it second. Whether it wrote the
blob or found it there, all that can have happened to it meanwhile is that it was set aside, and from there every reader
brings it back; before its end the rows are asked once more. What a publisher has not named within ``waiting`` of
storing it would be lost: that is a day, and an attempt's lease is a minute.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.uploads import UploadState
from services.db.engine import SessionFactory, scoped
from services.db.tables import AuditArtifactRow, UploadRow
from services.storage import inventory
from services.storage.blobs import S3BlobStore
from services.storage.inventory import Stored

from . import guard, reach

BATCH = 500
"""Objects whose rows are asked for at once."""
SCAN_MS = 600_000
DIGEST = re.compile(r"[0-9a-f]{64}")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Limits:
    """``grace``: age at which an unnamed object is set aside; ``waiting``: how long it then waits for its end.

    ``most`` objects of a project are moved per run, and a run begins no further batch after ``seconds``.
    """

    grace: timedelta
    waiting: timedelta
    most: int = 5_000
    seconds: float = 300.0


@dataclass
class Found:
    """What was found, and what was done about it; without the doing in a dry run."""

    objects: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    waiting: int = 0
    set_aside: int = 0
    removed: int = 0
    removed_bytes: int = 0
    leftovers: int = 0
    missing: int = 0
    audits: int = 0
    rows: int = 0
    more: bool = field(default=False)

    def add(self, other: Found) -> None:
        """Count ``other`` too."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        self.more = bool(self.more)

    def counts(self) -> dict[str, int]:
        """The numbers, by name."""
        return {one.name: int(getattr(self, one.name)) for one in fields(self) if one.name != "more"}


@dataclass(frozen=True)
class Collector:
    """The collector of one project, for one run. ``forgotten``: so many objects lost their rows by retention."""

    factory: SessionFactory
    store: S3BlobStore
    project: str
    limits: Limits
    dry_run: bool = False
    force: bool = False
    forgotten: int = 0

    def run(self) -> Found:
        """Set aside, remove and clear up.

        Raises:
            CollectionRefused: too large a share of the objects would go.
            Unavailable: the storage did not answer.
        """
        found, deadline = Found(), time.monotonic() + self.limits.seconds
        now = inventory.storage_now(self.store)
        orphans = self._survey(found, now)
        if not self.force:
            guard.check_share(max(0, found.orphans - self.forgotten), found.objects)
        for batch in _batches(orphans):
            if time.monotonic() > deadline:
                found.more = True
                break
            self._set_aside(batch, found)
        self._finish(found, now, deadline)
        self._clear_staging(found, now)
        return found

    def _survey(self, found: Found, now: datetime) -> list[Stored]:
        """Count everything; the first of the objects that nothing names and that are old enough."""
        with scoped(self.factory, self.project) as session:
            session.execute(select(func.set_config("statement_timeout", str(SCAN_MS), True)))
            artifacts = {bytes.fromhex(digest) for digest in session.scalars(select(AuditArtifactRow.digest))}
            reached = reach.reached(session)
        orphans: list[Stored] = []
        for stored in inventory.blobs(self.store):
            if not DIGEST.fullmatch(stored.name):  # nobody of us put it there: it is left alone
                continue
            name = bytes.fromhex(stored.name)
            found.objects += 1
            artifacts.discard(name)
            if name not in reached and stored.modified < now - self.limits.grace:
                found.orphans += 1
                found.orphan_bytes += stored.bytes
                orphans.append(stored)
        found.missing = sum(not self.store.exists(digest.hex()) for digest in islice(artifacts, BATCH))
        found.more = len(orphans) > self.limits.most
        return orphans[: self.limits.most]

    def _set_aside(self, batch: list[Stored], found: Found) -> None:
        named = self._named(batch)
        for stored in batch:
            if stored.name not in named and (self.dry_run or inventory.set_aside(self.store, stored.name)):
                found.set_aside += 1

    def _finish(self, found: Found, now: datetime, deadline: float) -> None:
        """End the wait of what was set aside: back when something names it by now, else out when it waited enough."""
        for batch in _batches(inventory.quarantined(self.store)):
            if time.monotonic() > deadline:
                found.more = True
                return
            named = self._named(batch)
            for stored in batch:
                self._end_wait(stored, stored.name in named, stored.modified < now - self.limits.waiting, found)

    def _end_wait(self, stored: Stored, is_named: bool, is_over: bool, found: Found) -> None:
        back = is_named and not self.dry_run and self.store.exists(stored.name)
        if not is_over or (is_named and not back):
            found.waiting += 1
            return
        if not self.dry_run:
            inventory.drop(self.store, stored.key)
        if not is_named:
            found.removed += 1
            found.removed_bytes += stored.bytes

    def _clear_staging(self, found: Found, now: datetime) -> None:
        """What uploads left behind that ended in any other way than complete."""
        old = now - self.limits.grace
        for stored in inventory.staged(self.store):
            if stored.modified < old and not self._is_open(stored.name):
                found.leftovers += 1
                if not self.dry_run:
                    inventory.drop(self.store, stored.key)
        for parts in inventory.open_parts(self.store):
            if parts.began < old and not self._is_open(parts.name):
                found.leftovers += 1
                if not self.dry_run:
                    inventory.abort(self.store, parts)

    def _named(self, batch: Iterable[Stored]) -> set[str]:
        with scoped(self.factory, self.project) as session:
            session.execute(select(func.set_config("statement_timeout", str(SCAN_MS), True)))
            return reach.named(session, [stored.name for stored in batch])

    def _is_open(self, upload: str) -> bool:
        with scoped(self.factory, self.project) as session:
            return _waits_for_bytes(session, upload)


def _waits_for_bytes(session: Session, upload: str) -> bool:
    open_still = (UploadRow.state == UploadState.OPEN, UploadRow.expires_at > func.now())
    return session.scalar(select(UploadRow.id).where(UploadRow.id == upload, *open_still)) is not None


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
