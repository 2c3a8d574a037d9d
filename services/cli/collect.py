"""``python -m services.cli collect``: one run of retention, told in lines."""

from __future__ import annotations

from collections.abc import Iterator

from services.db.engine import make_engine, make_session_factory
from services.retention.collector import Found
from services.retention.guard import CollectionRefused
from services.retention.service import Retention, retention
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.storage.client import bucket_of

MIB = 2**20


def run_collection(settings: Settings, dry_run: bool, force: bool) -> Iterator[str]:
    """Run once, and say what was found.

    Raises:
        CollectionRefused: database and bucket do not fit; nothing was removed.
        Unavailable: the storage did not answer.
    """
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        work = retention(settings, make_session_factory(engine), S3BlobStore(bucket_of(settings)))
        if dry_run:
            yield from _doubts(work)
        found = work.run(dry_run, force)
        yield from ["Another run is under way."] if found is None else _lines(found, dry_run)
    finally:
        engine.dispose()


def _doubts(work: Retention) -> Iterator[str]:
    try:
        work.check_same_history()
    except CollectionRefused as refused:
        yield f"A real run would refuse: {refused}"


def _lines(found: Found, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    yield f"{found.objects} objects, {found.orphans} of them named by nothing ({found.orphan_bytes / MIB:.1f} MiB)"
    if found.missing:
        yield f"! at least {found.missing} artifacts of audits are named by rows and not in the bucket"
    if not dry_run:
        yield f"{found.audits} audits and {found.rows} other rows removed"
    yield f"{found.set_aside} objects {would}set aside; {found.waiting} wait in quarantine"
    yield f"{found.removed} objects {would}removed for good ({found.removed_bytes / MIB:.1f} MiB)"
    yield f"{found.leftovers} leftovers of uploads {would}removed"
    if found.more:
        yield "More waits for the next run."
