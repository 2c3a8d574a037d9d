"""What keeps the collector from believing the wrong database.

Each run is noted twice: as a row, and in the bucket. A bucket whose last run the database does not know belongs to
another database, or to this one as it was before an old backup came back: then nothing may be removed by its word.
"""

from __future__ import annotations

import json

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.engine import SessionFactory, transaction
from services.db.identifiers import new_id
from services.db.trust import CollectionRow
from services.storage import inventory
from services.storage.blobs import S3BlobStore

NOTE = "collections/latest"
MOST_SHARE = 0.5
FORGOTTEN = "forgotten"
"""Of what a run notes: by project, how many objects lost their rows by retention and were not yet set aside."""
FEW = 200
"""So many objects may always go: in a small bucket any share is large."""


class CollectionRefused(RuntimeError):
    """Nothing was removed, for the database and the bucket do not fit; the message says what to look at."""


def check_same_history(session: Session, store: S3BlobStore) -> None:
    """Whether the bucket was last collected by the word of this database.

    Raises:
        CollectionRefused: it was not.
        Unavailable: the storage did not answer.
    """
    note = inventory.read_note(store, NOTE)
    if note is None and not _has_run(session):
        return
    known = note is not None and session.get(CollectionRow, json.loads(note)["id"]) is not None
    if not known:
        raise CollectionRefused(
            "the bucket was last collected by another database than this one, or by this one before an older backup "
            "came back. Nothing is removed until somebody looked: see deploy/runbooks/disk-is-full.md."
        )


def _has_run(session: Session) -> bool:
    """Whether a run came to its end: one whose note could not be written has removed nothing."""
    finished = select(CollectionRow.id).where(CollectionRow.finished_at.is_not(None))
    return session.scalar(finished.limit(1)) is not None


def check_share(found: int, total: int) -> None:
    """Whether so many objects may go at once, beside those whose rows this database itself forgot.

    Raises:
        CollectionRefused: they are too large a share of all.
    """
    if found > FEW and found > MOST_SHARE * total:
        raise CollectionRefused(
            f"{found} of {total} objects are named by nothing, more than {MOST_SHARE:.0%}: that looks like the wrong "
            "database. Look at `collect --dry-run`; if it is right, run `collect --force`."
        )


def begin(factory: SessionFactory, store: S3BlobStore) -> str:
    """Note that a run begins, first in the database; return its id.

    Raises:
        Unavailable: the storage did not answer.
    """
    run = new_id("col")
    with transaction(factory) as session:
        session.add(CollectionRow(id=run, found={FORGOTTEN: _forgotten_before(session)}))
    inventory.write_note(store, NOTE, json.dumps({"id": run}).encode())
    return run


def forgotten(factory: SessionFactory, run: str, project: str) -> int:
    """How many objects lost their last rows by retention and may still lie in the bucket, at most."""
    with transaction(factory) as session:
        return int((session.get_one(CollectionRow, run).found or {})[FORGOTTEN].get(project, 0))


def note_forgotten(factory: SessionFactory, run: str, project: str, objects: int) -> None:
    """Write how many they are now; the next run reads it, also when this one breaks off."""
    with transaction(factory) as session:
        row = session.get_one(CollectionRow, run)
        noted = (row.found or {})[FORGOTTEN]
        row.found = {FORGOTTEN: noted | {project: objects}}


def end(factory: SessionFactory, run: str, found: dict[str, int]) -> None:
    """Note what a run found and did."""
    with transaction(factory) as session:
        row = session.get_one(CollectionRow, run)
        row.finished_at, row.found = func.now(), found | (row.found or {})


def _forgotten_before(session: Session) -> dict[str, int]:
    last = select(CollectionRow.found).where(CollectionRow.found.is_not(None)).order_by(CollectionRow.started_at.desc())
    return dict((session.scalars(last.limit(1)).first() or {}).get(FORGOTTEN, {}))
