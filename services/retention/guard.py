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
    ran = session.scalar(select(func.count()).select_from(CollectionRow)) or 0
    if note is None and not ran:
        return
    known = note is not None and session.get(CollectionRow, json.loads(note)["id"]) is not None
    if not known:
        raise CollectionRefused(
            "the bucket was last collected by another database than this one, or by this one before an older backup "
            "came back. Nothing is removed until somebody looked: see deploy/runbooks/disk-is-full.md."
        )


def check_share(found: int, total: int) -> None:
    """Whether so many objects may go at once.

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
        session.add(CollectionRow(id=run))
    inventory.write_note(store, NOTE, json.dumps({"id": run}).encode())
    return run


def end(factory: SessionFactory, run: str, found: dict[str, int]) -> None:
    """Note what a run found and did."""
    with transaction(factory) as session:
        row = session.get_one(CollectionRow, run)
        row.finished_at, row.found = func.now(), found
