"""Blobs in a real S3 server, also behind a proxy that fails."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from schemas.ports import BlobMissing, BlobStore
from services.errors import Corrupt, Unavailable
from services.storage import client as client_module
from services.storage.blobs import S3BlobStore, blob_key
from services.storage.client import ensure_bucket
from tests.builders.flaky_proxy import Faults, flaky_proxy

DATA = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def flaky(store: S3BlobStore, faults: Faults) -> Iterator[S3BlobStore]:
    with flaky_proxy(store.bucket.endpoint, faults) as address:
        yield S3BlobStore(replace(store.bucket, endpoint=address))


def listing(store: S3BlobStore) -> list[str]:
    found = store.client.list_objects_v2(Bucket=store.bucket.name, Prefix=store.bucket.prefix)
    return [item["Key"].removeprefix(store.bucket.prefix) for item in found.get("Contents", [])]


def test_what_is_put_is_found_under_its_digest(store: S3BlobStore) -> None:
    port: BlobStore = store
    assert port.put(DATA, "image/png") == DIGEST
    assert port.put(DATA) == DIGEST
    assert port.get(DIGEST) == DATA
    assert port.exists(DIGEST)
    assert store.size(DIGEST) == len(DATA)
    assert b"".join(store.stream(DIGEST)) == DATA
    assert listing(store) == [f"sha256/{DIGEST[:2]}/{DIGEST}"] == [blob_key(DIGEST)]


def test_nothing_is_a_blob_too(store: S3BlobStore) -> None:
    assert store.get(store.put(b"")) == b""


def test_a_missing_blob_is_missing(store: S3BlobStore) -> None:
    absent = "0" * 64
    assert not store.exists(absent)
    for ask in (store.get, store.size, store.stream):
        with pytest.raises(BlobMissing):
            ask(absent)


def test_a_denied_access_is_not_a_missing_blob(store: S3BlobStore) -> None:
    stranger = S3BlobStore(replace(store.bucket, secret_key="wrong"))
    with pytest.raises(ClientError):
        stranger.get(store.put(DATA))
    with pytest.raises(ClientError):
        stranger.exists(DIGEST)


def test_writers_race_and_all_of_them_are_right(store: S3BlobStore) -> None:
    start = threading.Barrier(6)

    def put(_: int) -> str:
        start.wait()
        return store.put(DATA)

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(put, range(6))) == {DIGEST}
    assert store.get(DIGEST) == DATA


def test_a_stored_object_is_never_replaced(store: S3BlobStore) -> None:
    store.client.put_object(Bucket=store.bucket.name, Key=store.key(DIGEST), Body=b"other bytes")
    assert store.put(DATA) == DIGEST
    assert store.size(DIGEST) == len(b"other bytes")


@pytest.mark.parametrize(
    "stored", [DATA[:-1], DATA + b"x", b"", b"\x01" + DATA[1:]], ids=["short", "long", "empty", "bit"]
)
def test_damaged_bytes_are_never_returned(store: S3BlobStore, stored: bytes) -> None:
    store.client.put_object(Bucket=store.bucket.name, Key=store.key(DIGEST), Body=stored)
    with pytest.raises(Corrupt):
        store.get(DIGEST)


def test_a_cut_connection_is_healed(store: S3BlobStore, flaky: S3BlobStore, faults: Faults) -> None:
    store.put(DATA)
    faults.plan = ["cut:300000"]
    assert flaky.get(DIGEST) == DATA
    assert faults.served == 2


def test_a_connection_that_is_always_cut_is_an_error(store: S3BlobStore, flaky: S3BlobStore, faults: Faults) -> None:
    store.put(DATA)
    faults.plan = ["cut:300000"] * 10
    with pytest.raises(Unavailable, match="breaks off"):
        flaky.get(DIGEST)


def test_a_busy_storage_is_tried_again(flaky: S3BlobStore, faults: Faults) -> None:
    faults.plan = ["busy"]
    assert flaky.put(DATA) == DIGEST
    assert faults.served == 2


def test_a_storage_that_stays_busy_is_unavailable(
    flaky: S3BlobStore, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ATTEMPTS", 1)
    faults.plan = ["busy"] * 10
    with pytest.raises(Unavailable):
        flaky.exists(DIGEST)


def test_a_storage_that_is_away_is_unavailable(store: S3BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ATTEMPTS", 1)
    away = S3BlobStore(replace(store.bucket, endpoint="http://127.0.0.1:9"))
    with pytest.raises(Unavailable):
        away.put(DATA)


def test_a_store_travels_as_its_configuration(store: S3BlobStore) -> None:
    digest = store.put(DATA)
    travelled = pickle.loads(pickle.dumps(store))
    assert travelled.bucket == store.bucket
    assert travelled.get(digest) == DATA
    assert store.bucket.secret_key not in repr(store.bucket)


def test_a_bucket_is_made_once(store: S3BlobStore) -> None:
    new = replace(store.bucket, name="made-by-a-test")
    ensure_bucket(new)
    ensure_bucket(new)
    assert S3BlobStore(new).put(b"x")
