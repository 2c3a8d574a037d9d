"""Presigned multipart uploads, as a client does them: with plain HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from schemas.uploads import CompletedPart, UploadPart
from services.errors import UploadClosed, UploadIncomplete
from services.storage.blobs import S3BlobStore
from services.storage.multipart import MultipartUploads, part_sizes

PART = 5 * 2**20
DATA = bytes(range(251)) * 25_000  # 6 MB: one whole part and a rest


@pytest.fixture
def uploads(store: S3BlobStore) -> MultipartUploads:
    return MultipartUploads(store)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def put_parts(client: httpx.Client, parts: list[UploadPart], data: bytes) -> list[CompletedPart]:
    done = []
    for part in parts:
        begin = (part.number - 1) * PART
        answer = client.put(part.url, content=data[begin : begin + part.bytes])
        answer.raise_for_status()
        done.append(CompletedPart(number=part.number, etag=answer.headers["ETag"]))
    return done


def test_parts_become_a_blob_under_their_digest(
    uploads: MultipartUploads, store: S3BlobStore, client: httpx.Client
) -> None:
    key = uploads.staging_key("upl_1")
    upload_id = uploads.create(key)
    parts = uploads.sign(key, upload_id, part_sizes(len(DATA), PART), expires=60)
    uploads.complete(key, upload_id, list(reversed(put_parts(client, parts, DATA))))
    staged = uploads.inspect(key)
    assert (staged.digest, staged.bytes) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert uploads.publish(key, staged) == staged.digest
    assert store.get(staged.digest) == DATA
    remaining = store.client.list_objects_v2(Bucket=store.bucket.name, Prefix=key)
    assert remaining["KeyCount"] == 0
    assert uploads.publish(key, staged) == staged.digest


def test_a_part_that_was_not_put_is_missed(uploads: MultipartUploads, client: httpx.Client) -> None:
    key = uploads.staging_key("upl_2")
    upload_id = uploads.create(key)
    parts = uploads.sign(key, upload_id, part_sizes(len(DATA), PART), expires=60)
    done = put_parts(client, parts[:1], DATA)
    missing = CompletedPart(number=2, etag=done[0].etag)
    with pytest.raises(UploadIncomplete):
        uploads.complete(key, upload_id, [*done, missing])


def test_an_aborted_upload_is_closed(uploads: MultipartUploads) -> None:
    key = uploads.staging_key("upl_3")
    upload_id = uploads.create(key)
    uploads.abort(key, upload_id)
    uploads.abort(key, upload_id)
    with pytest.raises(UploadClosed):
        uploads.complete(key, upload_id, [CompletedPart(number=1, etag="x")])


def test_a_signature_opens_one_part_only(uploads: MultipartUploads, client: httpx.Client) -> None:
    key = uploads.staging_key("upl_4")
    upload_id = uploads.create(key)
    [part] = uploads.sign(key, upload_id, [3], expires=60)
    for url in (part.url.replace("partNumber=1", "partNumber=2"), part.url.replace("upl_4", "upl_5")):
        assert url != part.url
        assert client.put(url, content=b"abc").status_code == 403


@pytest.mark.parametrize(
    ("total", "expected"), [(1, [1]), (PART, [PART]), (PART + 1, [PART, 1]), (2 * PART, [PART, PART])]
)
def test_part_sizes(total: int, expected: list[int]) -> None:
    assert part_sizes(total, PART) == expected


def test_a_url_takes_a_body_of_its_parts_length_only(
    uploads: MultipartUploads, store: S3BlobStore, client: httpx.Client
) -> None:
    key = uploads.staging_key("upl_6")
    upload_id = uploads.create(key)
    [part] = uploads.sign(key, upload_id, [3], expires=60)
    refused = [b"x" * 4, b"x" * 2, b"x" * (4 << 20), iter([b"xxx", b"xxx"])]
    assert [client.put(part.url, content=body).status_code for body in refused] == [403] * 4
    listed = store.client.list_parts(Bucket=store.bucket.name, Key=key, UploadId=upload_id)
    assert listed.get("Parts", []) == []
    assert client.put(part.url, content=b"xxx").status_code == 200


def test_the_length_of_what_was_joined_is_known_without_reading_it(uploads: MultipartUploads) -> None:
    key = uploads.staging_key("upl_7")
    assert uploads.length(key) is None
    uploads.store.client.put_object(Bucket=uploads.bucket.name, Key=key, Body=b"abc")
    assert uploads.length(key) == 3
