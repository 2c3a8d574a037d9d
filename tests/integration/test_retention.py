"""Retention removes what is over and leaves word of it; the collector removes what nothing names, and nothing else."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from sqlalchemy import ColumnElement, delete, func, insert, select, text, update

from schemas.audits import AuditState
from schemas.ports import BlobMissing
from schemas.projects import DEFAULT_PROJECT
from services.audits import service as audits
from services.audits.baselines import check_baseline
from services.audits.removal import REMOVED
from services.cli.collect import run_collection
from services.db.automation import ComparisonRow, RegistryRow
from services.db.engine import SessionFactory, scoped, transaction
from services.db.every_table import METADATA
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow
from services.db.tables import (
    AuditArtifactRow,
    AuditEventRow,
    AuditRow,
    ClassifierRow,
    IdempotencyKeyRow,
    JobRow,
    StageOutputRow,
    UploadRow,
)
from services.db.trust import CollectionRow, ManifestRow, ProjectRow, TrailRow
from services.deliveries.events import delivery
from services.dispatch.collecting import collect
from services.dispatch.memory import StageMemory
from services.dispatch.workbench import Workbench
from services.errors import Gone, Unavailable
from services.observability import Metrics
from services.retention import expiry, guard
from services.retention.collector import Limits
from services.retention.guard import CollectionRefused
from services.retention.service import Retention
from services.settings import Settings
from services.storage import inventory
from services.storage.blobs import S3BlobStore
from services.storage.multipart import MultipartUploads
from tests.builders.rows import add_audit, classifier_facts
from tests.builders.tenants import make_project

NOW, LATER = timedelta(seconds=-3600), timedelta(hours=1)
"""An age that everything has, and one that nothing has: objects cannot be made older than they are."""


@pytest.fixture
def retention(factory: SessionFactory, store: S3BlobStore) -> Retention:
    """Sets aside at once, removes at once."""
    return Retention(factory, store, Limits(grace=NOW, waiting=NOW), stage_days=30)


@pytest.fixture
def gentle(factory: SessionFactory, store: S3BlobStore) -> Retention:
    """Sets aside at once, removes nothing yet."""
    return Retention(factory, store, Limits(grace=NOW, waiting=LATER), stage_days=30)


@pytest.fixture
def cautious(factory: SessionFactory, store: S3BlobStore) -> Retention:
    """As in production: what is young stays."""
    return Retention(factory, store, Limits(grace=LATER, waiting=LATER), stage_days=30)


def lies_in_bucket(store: S3BlobStore, key: str) -> bool:
    try:
        store.client.head_object(Bucket=store.bucket.name, Key=key)
    except ClientError:
        return False
    return True


def name_it(factory: SessionFactory, digest: str, project: str = DEFAULT_PROJECT, age: str = "0 days") -> str:
    """A remembered stage output."""
    key = new_id("key")
    with scoped(factory, project) as session:
        row = StageOutputRow(key=key, stage="s", outputs={"o": digest}, summary={}, seconds=1.0)
        session.add(row)
        session.flush()
        session.execute(text(f"UPDATE stage_outputs SET used_at = now() - interval '{age}' WHERE key = '{key}'"))
    return key


def succeeded(factory: SessionFactory, digest: str, days: int, project: str = DEFAULT_PROJECT) -> str:
    """An audit that succeeded ``days`` ago and left ``digest``."""
    with scoped(factory, project) as session:
        audit = add_audit(session)
        session.add(AuditArtifactRow(audit_id=audit, role="result", digest=digest, bytes=3, media_type="a/b"))
        session.execute(insert(AuditEventRow).values(audit_id=audit, sequence=99, type="state", data={}))
        document = json.dumps({"digest": digest})
        session.add(ManifestRow(subject_id=audit, digest="d", original=True, template_version="3",
                                page_digest=digest, document=document))  # fmt: skip
        session.execute(
            update(AuditRow).where(AuditRow.id == audit).values(
                state="succeeded", result_digest=digest, finished_at=func.now() - timedelta(days=days)
            )
        )  # fmt: skip
        session.execute(update(JobRow).where(JobRow.subject_id == audit).values(state="done"))
    return audit


def keep_for(factory: SessionFactory, days: int | None, project: str = DEFAULT_PROJECT) -> None:
    with transaction(factory) as session:
        session.execute(update(ProjectRow).where(ProjectRow.id == project).values(retention_days=days))


def test_what_nothing_names_is_set_aside_then_removed(retention: Retention, store: S3BlobStore) -> None:
    digest = store.put(b"orphan")
    first = retention.run()
    assert first is not None
    assert (first.orphans, first.orphan_bytes, first.set_aside, first.removed) == (1, 6, 1, 1)
    assert not store.exists(digest)
    assert store.put(b"orphan") == digest
    assert store.get(digest) == b"orphan"


def test_what_was_set_aside_comes_back_for_whoever_asks(gentle: Retention, store: S3BlobStore) -> None:
    digests = [store.put(f"orphan {number}".encode()) for number in range(4)]
    gentle.run()
    assert not any(lies_in_bucket(store, store.key(digest)) for digest in digests)
    assert store.get(digests[0]) == b"orphan 0"
    assert store.size(digests[1]) == 8
    assert b"".join(store.stream(digests[2])) == b"orphan 2"
    assert store.exists(digests[3])
    assert all(lies_in_bucket(store, store.key(digest)) for digest in digests)


def test_young_objects_stay(cautious: Retention, store: S3BlobStore) -> None:
    digest = store.put(b"just written, not named yet")
    found = cautious.run()
    assert found is not None
    assert (found.objects, found.orphans, found.set_aside) == (1, 0, 0)
    assert lies_in_bucket(store, store.key(digest))


def test_every_column_that_can_name_a_digest_protects_it(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    """Rows of every kind, each naming a blob of its own; a manifest names one deep in its text."""
    blobs = {name: store.put(name.encode()) for name in ("upload", "facts", "artifact", "stage", "manifest", "page")}
    with transaction(factory) as session:
        audit = add_audit(session)
        session.execute(update(UploadRow).values(digest=blobs["upload"]))
        session.execute(update(ClassifierRow).values(facts=classifier_facts(blobs["facts"])))
        session.add(AuditArtifactRow(audit_id=audit, role="r", digest=blobs["artifact"], bytes=1, media_type="a/b"))
        document = json.dumps({"statement": {"products": [{"digest": blobs["manifest"]}]}})
        session.add(ManifestRow(subject_id=audit, digest="x", original=True, template_version="1",
                                page_digest=blobs["page"], document=document))  # fmt: skip
    name_it(factory, blobs["stage"])
    orphan = store.put(b"orphan")
    for _ in range(3):
        retention.run()
    assert [name for name, digest in blobs.items() if not lies_in_bucket(store, store.key(digest))] == []
    assert not store.exists(orphan)


def test_a_digest_named_while_it_waits_comes_back_by_itself(
    gentle: Retention, retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    digest = store.put(b"found there, named later")
    gentle.run()
    name_it(factory, digest)
    retention.run()
    retention.run()
    assert lies_in_bucket(store, store.key(digest))
    assert store.get(digest) == b"found there, named later"


def test_projects_do_not_protect_each_others_objects_nor_lose_their_own(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    with transaction(factory) as session:
        other = make_project(session, "other")
    theirs = store.of_project(other)
    digest = store.put(b"the same bytes")
    assert theirs.put(b"the same bytes") == digest
    name_it(factory, digest, other)
    retention.run()
    assert lies_in_bucket(theirs, theirs.key(digest))
    assert not store.exists(digest)


def test_no_publisher_loses_a_blob_to_a_collector_that_runs_all_the_time(
    factory: SessionFactory, store: S3BlobStore
) -> None:
    """Fault test 24. Old orphans are put again, found to be there, and named a moment later, while collectors run."""
    greedy = Retention(factory, store, Limits(grace=NOW, waiting=timedelta(seconds=20)), stage_days=30)
    contents = [f"blob {number}".encode() for number in range(24)]
    for data in contents:
        store.put(data)
    stop, moved, lost = threading.Event(), [], []

    def collect() -> None:
        while not stop.is_set():
            found = greedy.run(force=True)
            moved.append(found.set_aside if found else 0)

    def publish(part: int) -> None:
        own = S3BlobStore(store.bucket)
        for data in contents[part::4]:
            digest = own.put(data)
            name_it(factory, digest)
            if own.get(digest) != data:
                lost.append(digest)

    collectors = [threading.Thread(target=collect) for _ in range(2)]
    publishers = [threading.Thread(target=publish, args=(part,)) for part in range(4)]
    for thread in collectors:
        thread.start()
    while not sum(moved):
        stop.wait(0.01)
    for thread in publishers:
        thread.start()
    for thread in publishers:
        thread.join()
    stop.set()
    for thread in collectors:
        thread.join()
    Retention(factory, store, Limits(grace=NOW, waiting=NOW), stage_days=30).run(force=True)
    assert not lost
    assert [data for data in contents if store.get(hashlib.sha256(data).hexdigest()) != data] == []
    assert sum(moved) > 0


def test_one_run_at_a_time(retention: Retention, factory: SessionFactory) -> None:
    with factory.kw["bind"].connect() as other:
        other.execute(select(func.pg_advisory_lock(0x5C070AA)))
        assert retention.run() is None
        other.execute(select(func.pg_advisory_unlock(0x5C070AA)))
    assert retention.run() is not None


def test_a_dry_run_changes_nothing(
    retention: Retention, gentle: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    waiting, orphan = store.put(b"waits"), store.put(b"named at first")
    key = name_it(factory, orphan)
    gentle.run()
    with transaction(factory) as session:
        session.execute(delete(StageOutputRow).where(StageOutputRow.key == key))
    keep_for(factory, 1)
    audit = succeeded(factory, store.put(b"old"), days=9)
    before = listing(store)
    found = retention.run(dry_run=True)
    assert found is not None
    assert (found.set_aside, found.removed) == (1, 1)
    assert listing(store) == before
    assert lies_in_bucket(store, store.quarantine_key(waiting))
    with transaction(factory) as session:
        assert audits.get(session, audit).state == AuditState.SUCCEEDED
        assert session.scalar(select(func.count()).select_from(CollectionRow)) == 1


def listing(store: S3BlobStore) -> set[str]:
    found = store.client.list_objects_v2(Bucket=store.bucket.name, Prefix=store.bucket.prefix)
    return {item["Key"] + item["ETag"] for item in found.get("Contents", [])}


def test_yesterdays_database_deletes_nothing_today(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    """Fault test 33: the bucket remembers a run that the restored database does not know."""
    retention.run()
    with transaction(factory) as session:
        kept = session.scalars(select(CollectionRow.id)).all()
    retention.run()
    today = store.put(b"of an audit that the backup does not know")
    with transaction(factory) as session:
        session.execute(delete(CollectionRow).where(CollectionRow.id.not_in(kept)))
    for _ in range(2):
        with pytest.raises(CollectionRefused, match="older backup"):
            retention.run()
    assert lies_in_bucket(store, store.key(today))
    retention.run(force=True)
    assert not store.exists(today)
    assert retention.run() is not None


def test_another_databases_bucket_is_left_alone(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    inventory.write_note(store, guard.NOTE, json.dumps({"id": "col_of_another"}).encode())
    digest = store.put(b"not ours")
    with pytest.raises(CollectionRefused):
        retention.run()
    assert lies_in_bucket(store, store.key(digest))


@pytest.mark.parametrize(("found", "total", "refused"), [(200, 200, False), (201, 300, True), (201, 500, False)])
def test_too_large_a_share_is_refused(found: int, total: int, refused: bool) -> None:
    if refused:
        with pytest.raises(CollectionRefused, match="--force"):
            guard.check_share(found, total)
    else:
        guard.check_share(found, total)


def test_a_first_run_that_could_not_write_its_note_does_not_stop_the_next(
    retention: Retention, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Unavailable("the bucket is full", "")

    with monkeypatch.context() as patch:
        patch.setattr(inventory, "write_note", full)
        with pytest.raises(Unavailable):
            retention.run()
    orphan = store.put(b"orphan")
    assert retention.run() is not None
    assert not store.exists(orphan)


def test_what_this_database_forgot_is_no_reason_to_doubt_it(
    factory: SessionFactory, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project that slept: all its stage outputs go at once, in several runs, one of which breaks off."""
    monkeypatch.setattr(guard, "FEW", 2)
    for number in range(9):
        name_it(factory, store.put(f"stage {number}".encode()), age="31 days")
    succeeded(factory, store.put(b"kept"), days=40)
    work = Retention(factory, store, Limits(grace=NOW, waiting=LATER, most=3), stage_days=30)

    def gone(*_: object) -> None:
        raise Unavailable("the storage is away", "")

    with monkeypatch.context() as patch:
        patch.setattr(inventory, "set_aside", gone)
        with pytest.raises(Unavailable):
            work.run()
    assert [found.orphans for found in (work.run(), work.run(), work.run()) if found] == [9, 6, 3]
    for number in range(3):
        store.put(f"named by nobody {number}".encode())
    with pytest.raises(CollectionRefused):
        work.run()


def test_a_strangers_object_among_the_blobs_is_left_alone(retention: Retention, store: S3BlobStore) -> None:
    key = store.bucket.prefix + "sha256/ab/notes.txt"
    store.client.put_object(Bucket=store.bucket.name, Key=key, Body=b"x")
    found = retention.run()
    assert found is not None
    assert (found.objects, found.orphans) == (0, 0)
    assert lies_in_bucket(store, key)


def test_missing_artifacts_are_counted(retention: Retention, factory: SessionFactory, store: S3BlobStore) -> None:
    succeeded(factory, "cd" * 32, days=0)
    found = retention.run()
    assert found is not None
    assert found.missing == 1


def test_an_audit_goes_when_its_retention_is_over(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    old, young = (succeeded(factory, store.put(f"{days}".encode()), days) for days in (11, 9))
    with transaction(factory) as session:
        other = make_project(session, "keeps-for-ever")
    kept = succeeded(factory, store.of_project(other).put(b"old"), 400, other)
    keep_for(factory, 10)
    found = retention.run()
    assert found is not None
    assert found.audits == 1
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert audits.get(session, young).id == young
        with pytest.raises(Gone, match="retention"):
            audits.get(session, old)
        with pytest.raises(Gone):
            audits.result_digest(session, old)
        for table in (AuditArtifactRow, AuditEventRow):
            assert session.scalar(select(func.count()).select_from(table).where(table.audit_id == old)) == 0
        assert session.scalar(select(func.count()).select_from(ManifestRow).where(ManifestRow.subject_id == old)) == 0
        assert session.scalars(select(TrailRow.subject).where(TrailRow.action == REMOVED)).all() == [old]
    with scoped(factory, other) as session:
        assert audits.get(session, kept).id == kept
    assert not store.exists(hashlib.sha256(b"11").hexdigest())
    assert store.exists(hashlib.sha256(b"9").hexdigest())


def test_comparisons_go_with_their_audits_and_hold_them_while_they_run(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    before, after = (succeeded(factory, store.put(f"{days}".encode()), days) for days in (20, 1))
    keep_for(factory, 10)
    with transaction(factory) as session:
        session.add(ComparisonRow(id="cmp_1", name="c", state="running", before_id=before, after_id=after))
    found = retention.run()
    assert found is not None
    assert found.audits == 0
    with transaction(factory) as session:
        session.execute(update(ComparisonRow).values(state="failed"))
        session.execute(update(AuditRow).where(AuditRow.id == after).values(baseline_id=before))
    found = retention.run()
    assert found is not None
    assert found.audits == 1
    with transaction(factory) as session:
        assert session.get_one(AuditRow, after).baseline_id is None
        assert session.scalar(select(func.count()).select_from(ComparisonRow)) == 0


def pin(factory: SessionFactory, audit: str) -> None:
    """A registry whose versions are compared with ``audit``."""
    with scoped(factory, DEFAULT_PROJECT) as session:
        body = {"baseline": audit}
        session.add(RegistryRow(id="reg_1", name="r", kind="mlflow", url="http://m", body=body, sealed_secret="x"))


def test_the_baseline_of_a_registry_stays(retention: Retention, factory: SessionFactory, store: S3BlobStore) -> None:
    audit = succeeded(factory, store.put(b"baseline"), days=20)
    keep_for(factory, 10)
    pin(factory, audit)
    found = retention.run()
    assert found is not None
    assert found.audits == 0


def test_what_comes_to_rest_on_an_audit_while_it_is_taken_keeps_it(
    factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that names it is committed after retention chose the audit."""
    audit = succeeded(factory, "ab" * 32, days=20)
    keep_for(factory, 10)
    asked: list[bool] = []
    needed = expiry._needed

    def needed_and_pinned_between() -> ColumnElement[bool]:
        if asked:
            pin(factory, audit)
        asked.append(True)
        return needed()

    monkeypatch.setattr(expiry, "_needed", needed_and_pinned_between)
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert expiry.remove_audits(session, DEFAULT_PROJECT) == expiry.Removed()


def test_an_audit_that_is_being_named_as_a_baseline_is_passed_by(factory: SessionFactory) -> None:
    audit = succeeded(factory, "ab" * 32, days=20)
    keep_for(factory, 10)
    with scoped(factory, DEFAULT_PROJECT) as naming, scoped(factory, DEFAULT_PROJECT) as session:
        check_baseline(naming, audit, naming.get_one(AuditRow, audit).dataset_id)
        assert expiry.remove_audits(session, DEFAULT_PROJECT) == expiry.Removed()


def test_every_row_that_names_an_audit_is_thought_of() -> None:
    """A table that names audits tomorrow must be removed with them, or let go of them, before this list grows."""
    named = {
        (table.name, column.name)
        for table in METADATA.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name in ("audits", "comparisons")
    }
    assert named == {
        ("audit_artifacts", "audit_id"), ("audit_events", "audit_id"), ("audits", "baseline_id"),
        ("comparisons", "after_id"), ("comparisons", "before_id"), ("occurrences", "audit_id"),
        ("registry_versions", "audit_id"),
    }  # fmt: skip


def test_stage_outputs_that_nobody_uses_are_forgotten(
    retention: Retention, factory: SessionFactory, store: S3BlobStore
) -> None:
    old, fresh = store.put(b"old"), store.put(b"fresh")
    name_it(factory, old, age="31 days")
    name_it(factory, fresh, age="29 days")
    retention.run()
    assert not store.exists(old)
    assert store.exists(fresh)


def test_what_is_used_again_is_not_forgotten(retention: Retention, factory: SessionFactory, store: S3BlobStore) -> None:
    digest = store.put(b"old and used")
    key = name_it(factory, digest, age="31 days")
    with transaction(factory) as session:
        session.execute(update(StageOutputRow).values(key="ab" * 32))
    assert key
    assert StageMemory(factory, store).find("ab" * 32) is not None
    retention.run()
    assert store.exists(digest)


def test_the_loop_counts_what_it_collects_and_what_it_refuses(
    settings: Settings, factory: SessionFactory, store: S3BlobStore
) -> None:
    nothing, metrics = cast("Any", None), Metrics()
    bench = Workbench(settings, factory, store, nothing, nothing, nothing, metrics, nothing)
    store.put(b"young")
    assert collect(bench) is False
    inventory.write_note(store, guard.NOTE, json.dumps({"id": "col_of_another"}).encode())
    assert collect(bench) is False
    assert metrics.registry.get_sample_value("audit_collections_total", {"outcome": "done"}) == 1
    assert metrics.registry.get_sample_value("audit_collections_total", {"outcome": "refused"}) == 1
    assert metrics.registry.get_sample_value("audit_orphan_objects") == 0


def test_the_command_says_what_would_go(settings: Settings, store: S3BlobStore) -> None:
    store.put(b"orphan")
    now = settings.model_copy(update={"orphan_seconds": 1})
    said = " ".join(run_collection(now, dry_run=True, force=False))
    assert "would be set aside" in said
    assert "1 objects" in said
    inventory.write_note(store, guard.NOTE, json.dumps({"id": "col_of_another"}).encode())
    said = " ".join(run_collection(now, dry_run=True, force=False))
    assert "A real run would refuse" in said
    with pytest.raises(CollectionRefused):
        list(run_collection(now, dry_run=False, force=False))


def test_expired_rows_go_and_others_stay(retention: Retention, factory: SessionFactory) -> None:
    with transaction(factory) as session:
        for name, hours in (("over", -1), ("running", 1)):
            session.add(
                IdempotencyKeyRow(
                    principal="key_1", key=name, fingerprint="f", expires_at=func.now() + timedelta(hours=hours)
                )
            )
    retention.run()
    with transaction(factory) as session:
        assert session.scalars(select(IdempotencyKeyRow.key)).all() == ["running"]


@pytest.mark.parametrize(
    ("state", "finished", "stays"),
    [
        ("delivered", 31, False),
        ("failed", 31, False),
        ("delivered", 29, True),
        ("failed", 29, True),
        ("waiting", None, True),
    ],
)
def test_deliveries_go_a_month_after_their_end_and_what_waits_stays(
    retention: Retention, factory: SessionFactory, state: str, finished: int | None, stays: bool
) -> None:
    """Every event is old: a delivery that was sent again yesterday is still there to be read."""
    with transaction(factory) as session:
        project = make_project(session, "tells")
    with scoped(factory, project) as session:
        row = delivery("openlineage", None, "audit.started", "aud_1", {})
        row.state, row.created_at = state, func.now() - timedelta(days=400)
        row.finished_at = None if finished is None else func.now() - timedelta(days=finished)
        session.add(row)
    found = retention.run()
    assert found is not None
    assert found.rows == (0 if stays else 1)
    with scoped(factory, project) as session:
        assert session.scalars(select(DeliveryRow.state)).all() == ([state] if stays else [])


@pytest.fixture
def uploads(store: S3BlobStore) -> Iterator[MultipartUploads]:
    return MultipartUploads(store)


def test_leftovers_of_uploads_go_and_open_ones_stay(
    retention: Retention, factory: SessionFactory, uploads: MultipartUploads
) -> None:
    store = uploads.store
    opened = {}
    with transaction(factory) as session:
        for name, hours in (("upl_over", -1), ("upl_open", 1)):
            opened[name] = uploads.create(uploads.staging_key(name))
            session.add(
                UploadRow(
                    id=name, filename="f", bytes=1, transfer="multipart", principal="key_1",
                    expires_at=func.now() + timedelta(hours=hours), s3_upload_id=opened[name],
                    staging_key=uploads.staging_key(name),
                )
            )  # fmt: skip
    for name in opened:
        store.client.put_object(Bucket=store.bucket.name, Key=uploads.staging_key(f"{name}"), Body=b"x")
    found = retention.run()
    assert found is not None
    assert found.leftovers == 2
    assert [parts.name for parts in inventory.open_parts(store)] == ["upl_open"]
    assert [stored.name for stored in inventory.staged(store)] == ["upl_open"]
    with transaction(factory) as session:
        assert session.scalars(select(UploadRow.id)).all() == ["upl_open"]
    with pytest.raises(BlobMissing):
        store.get("ab" * 32)
