"""Uploads: what arrives is what was declared, or it is refused; nothing half-done stays usable."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Engine, func, select, update

from schemas.api_keys import Scope
from schemas.uploads import CompletedPart
from services.db.engine import transaction
from services.db.tables import JobRow, UploadRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.storage.multipart import MultipartUploads
from services.uploads.content import Received
from tests.builders.api_server import Api, api_in_thread

MIB = 2**20


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    small = settings.model_copy(
        update={"max_upload_bytes": 24 * MIB, "max_direct_upload_bytes": 12 * MIB, "part_bytes": 5 * MIB}
    )
    with api_in_thread(small, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http() as http:
        yield http


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def opened(http: httpx.Client, size: int, **more: object) -> dict:
    answer = http.post("/v1/uploads", json={"filename": "f", "bytes": size, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def put_parts(upload: dict, data: bytes) -> list[dict]:
    done, start = [], 0
    for part in upload["parts"]:
        answer = httpx.put(part["url"], content=data[start : start + part["bytes"]])
        done.append({"number": part["number"], "etag": answer.headers["etag"]})
        start += part["bytes"]
    return done


@pytest.mark.parametrize("size", [1, 4096, 9 * MIB + 17])
def test_direct_bytes_are_stored_under_their_digest(api: Api, http: httpx.Client, size: int) -> None:
    data = os.urandom(size)
    upload = opened(http, size, sha256=sha256(data))
    answer = http.put(f"/v1/uploads/{upload['id']}/content", content=data)
    assert answer.status_code == 200
    assert answer.json()["digest"] == sha256(data)
    assert api.store.get(sha256(data)) == data
    again = http.put(f"/v1/uploads/{upload['id']}/content", content=data)
    assert (again.status_code, again.json()["code"]) == (409, "upload-closed")


@pytest.mark.parametrize(
    ("sent", "declared", "status", "code"),
    [
        (b"abc", sha256(b"abd"), 422, "upload-mismatch"),
        (b"ab", None, 422, "upload-incomplete"),
        (b"", None, 422, "upload-incomplete"),
        (b"abcd", None, 413, "upload-too-large"),
    ],
)
def test_other_bytes_than_declared_are_refused(
    http: httpx.Client, sent: bytes, declared: str | None, status: int, code: str
) -> None:
    upload = opened(http, 3, sha256=declared)
    answer = http.put(f"/v1/uploads/{upload['id']}/content", content=sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert http.get(f"/v1/uploads/{upload['id']}").json()["state"] == "open"
    answer = http.post("/v1/classifiers", json={"name": "x", "upload": upload["id"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "upload-incomplete")
    good = http.put(f"/v1/uploads/{upload['id']}/content", content=b"abc") if declared is None else None
    assert good is None or good.status_code == 200


def test_sizes_beyond_the_limits_are_refused_before_a_byte_is_sent(http: httpx.Client) -> None:
    for size, transfer in ((13 * MIB, "direct"), (25 * MIB, "multipart")):
        answer = http.post("/v1/uploads", json={"filename": "f", "bytes": size, "transfer": transfer})
        assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")


def test_a_body_of_json_has_a_limit_too(http: httpx.Client) -> None:
    answer = http.post("/v1/classifiers", content=b" " * (9 * MIB))
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
    chunked = http.post("/v1/classifiers", content=(b" " * MIB for _ in range(9)))
    assert (chunked.status_code, chunked.json()["code"]) == (413, "upload-too-large")


def test_parts_are_joined_hashed_and_published(api: Api, http: httpx.Client) -> None:
    data = os.urandom(11 * MIB)
    upload = opened(http, len(data), transfer="multipart", sha256=sha256(data))
    assert [part["bytes"] for part in upload["parts"]] == [5 * MIB, 5 * MIB, MIB]
    body = {"parts": put_parts(upload, data)}
    for _ in range(2):
        answer = http.post(f"/v1/uploads/{upload['id']}:complete", json=body)
        assert (answer.status_code, answer.json()["digest"]) == (200, sha256(data))
    assert api.store.get(sha256(data)) == data


def test_missing_or_changed_parts_are_refused(http: httpx.Client) -> None:
    data = os.urandom(6 * MIB)
    upload = opened(http, len(data), transfer="multipart", sha256=sha256(data))
    parts = put_parts(upload, data)
    for wrong in (parts[:1], [parts[0], parts[0]], [*parts, {"number": 3, "etag": "x"}]):
        answer = http.post(f"/v1/uploads/{upload['id']}:complete", json={"parts": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "upload-incomplete")
    parts = put_parts(upload, data[:-1] + bytes([data[-1] ^ 1]))
    answer = http.post(f"/v1/uploads/{upload['id']}:complete", json={"parts": parts})
    assert (answer.status_code, answer.json()["code"]) == (422, "upload-mismatch")


def test_an_aborted_upload_is_over(http: httpx.Client) -> None:
    for transfer in ("direct", "multipart"):
        upload = opened(http, 3, transfer=transfer)["id"]
        assert [http.delete(f"/v1/uploads/{upload}").status_code for _ in range(2)] == [204, 204]
        sent = http.put(f"/v1/uploads/{upload}/content", content=b"abc")
        assert (sent.status_code, sent.json()["code"]) == (409, "upload-closed")
        done = http.post(f"/v1/uploads/{upload}:complete", json={"parts": [{"number": 1, "etag": "x"}]})
        assert done.status_code == (409 if transfer == "multipart" else 422)


def test_an_expired_upload_is_closed(api: Api, http: httpx.Client) -> None:
    upload = opened(http, 3)["id"]
    with transaction(api.factory) as session:
        session.execute(update(UploadRow).where(UploadRow.id == upload).values(expires_at=func.now()))
    answer = http.put(f"/v1/uploads/{upload}/content", content=b"abc")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-closed")


def test_a_registered_file_and_its_intake_job_begin_together(api: Api, http: httpx.Client) -> None:
    upload = opened(http, 3)["id"]
    http.put(f"/v1/uploads/{upload}/content", content=b"abc")
    for kind in ("classifier", "dataset"):
        answer = http.post(f"/v1/{kind}s", json={"name": f"<script>{kind}", "upload": upload})
        assert answer.status_code == 202
        made = http.get(answer.headers["location"]).json()
        assert (made["state"], made["digest"], made["name"]) == ("pending", sha256(b"abc"), f"<script>{kind}")
        assert [item["id"] for item in http.get(f"/v1/{kind}s?digest={sha256(b'abc')}").json()["items"]] == [made["id"]]
        assert http.get(f"/v1/{kind}s?digest={'0' * 64}").json()["items"] == []
        with transaction(api.factory) as session:
            jobs = list(session.scalars(select(JobRow.kind).where(JobRow.subject_id == made["id"])))
        assert jobs == [f"intake_{kind}"]


def test_viewers_cannot_send(api: Api) -> None:
    with api.http(Scope.VIEWER) as http:
        assert http.post("/v1/uploads", json={"filename": "f", "bytes": 1}).status_code == 403


def staged(api: Api) -> list[str]:
    found = api.store.client.list_objects_v2(Bucket=api.store.bucket.name, Prefix=f"{api.store.bucket.prefix}staging/")
    return [item["Key"] for item in found.get("Contents", [])]


def put_beside_the_urls(api: Api, upload: str, data: bytes) -> dict:
    """A part of any length, as a storage that does not hold clients to the signed one would take it."""
    with transaction(api.factory) as session:
        row = session.get_one(UploadRow, upload)
    place = {"Bucket": api.store.bucket.name, "Key": row.staging_key or "", "UploadId": row.s3_upload_id or ""}
    answer = api.store.client.upload_part(**place, PartNumber=1, Body=data)
    return {"parts": [{"number": 1, "etag": answer["ETag"]}]}


def test_joined_bytes_of_another_length_are_dropped_unread_and_end_the_upload(
    api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(MultipartUploads, "inspect", lambda _, key: read.append(key))
    upload = opened(http, 1, transfer="multipart")["id"]
    body = put_beside_the_urls(api, upload, b"x" * 100)
    answers = [http.post(f"/v1/uploads/{upload}:complete", json=body) for _ in range(2)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (422, "upload-mismatch"),
        (409, "upload-closed"),
    ]
    assert (read, staged(api), http.get(f"/v1/uploads/{upload}").json()["state"]) == ([], [], "aborted")


def test_an_abort_drops_what_was_joined_already(api: Api, http: httpx.Client) -> None:
    upload = opened(http, 3, transfer="multipart")["id"]
    parts = put_beside_the_urls(api, upload, b"abc")["parts"]
    with transaction(api.factory) as session:
        row = session.get_one(UploadRow, upload)
    joined = [CompletedPart.model_validate(part) for part in parts]
    MultipartUploads(api.store).complete(row.staging_key or "", row.s3_upload_id or "", joined)
    assert len(staged(api)) == 1
    assert http.delete(f"/v1/uploads/{upload}").status_code == 204
    assert staged(api) == []


def test_an_upload_takes_one_body_at_a_time(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    data, began, go_on = os.urandom(9 * MIB), threading.Event(), threading.Event()
    upload, write = opened(http, len(data))["id"], Received.write
    monkeypatch.setattr(Received, "write", lambda self, chunk: (began.set(), write(self, chunk)))

    def slowly() -> Iterator[bytes]:
        yield data[:MIB]
        go_on.wait(30)
        yield data[MIB:]

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(http.put, f"/v1/uploads/{upload}/content", content=slowly())
        assert began.wait(30)
        answers = [http.put(f"/v1/uploads/{upload}/content", content=data) for _ in range(2)]
        go_on.set()
        assert first.result(30).status_code == 200
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "upload-busy")] * 2
    assert answers[0].headers["retry-after"] == "1"
    assert http.get(f"/v1/uploads/{upload}").json()["digest"] == sha256(data)
