"""Results, reports and artifacts over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from services.api.routes.results import safe_filename
from services.db.engine import transaction
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread, artifact_row
from tests.builders.results import classifier, result, sheets
from tests.builders.rows import add_audit

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http() as http:
        yield http


@pytest.fixture
def audit(api: Api) -> str:
    with transaction(api.factory) as session:
        audit = add_audit(session)
    api.run(audit)
    return audit


def test_before_the_end_there_is_no_report(http: httpx.Client, audit: str) -> None:
    for part in ("result", "report"):
        answer = http.get(f"/v1/audits/{audit}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "report-not-ready")
    assert http.get(f"/v1/audits/{audit}/artifacts").json() == {"items": []}


def test_the_result_is_served_byte_for_byte(api: Api, http: httpx.Client, audit: str) -> None:
    wanted = result()
    api.succeed(audit, wanted)
    answer = http.get(f"/v1/audits/{audit}/result")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == wanted.model_dump_json().encode()
    again = http.get(f"/v1/audits/{audit}/result", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_report_is_a_page_that_can_do_nothing(api: Api, http: httpx.Client, audit: str) -> None:
    api.succeed(audit, result(classifier=classifier(name=HOSTILE)), sheets())
    answer = http.get(f"/v1/audits/{audit}/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"] == f'inline; filename="scotoma-{audit}.html"'
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    again = http.get(f"/v1/audits/{audit}/report", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("role", ["sheets", "inn:logits", "inn:/layer4/relu_2", "a/../../b", "<b>\u202e名", "%2e%2e"])
def test_artifacts_are_found_by_any_role_and_saved_under_a_harmless_name(
    api: Api, http: httpx.Client, audit: str, role: str
) -> None:
    data = b"\x00<script>" * 200_000
    digest = api.store.put(data)
    with transaction(api.factory) as session:
        session.add(artifact_row(audit, role, digest, len(data), "application/octet-stream"))
    (item,) = http.get(f"/v1/audits/{audit}/artifacts").json()["items"]
    assert item == {
        "role": role,
        "key": f"sha256/{digest[:2]}/{digest}",
        "bytes": len(data),
        "media_type": "application/octet-stream",
    }
    quoted = "".join(f"%{byte:02X}" for byte in role.encode())
    answer = http.get(f"/v1/audits/{audit}/artifacts/{quoted}")
    assert answer.content == data
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'attachment; filename="{safe_filename(audit, role)}"'


def test_file_names_hold_nothing_special() -> None:
    assert safe_filename("aud_1", "inn:/a b/../c") == "aud_1-inn-a-b-..-c"
    assert safe_filename("aud_1", "../..") == "aud_1-artifact"


def test_a_lost_object_is_said_to_be_lost(api: Api, http: httpx.Client, audit: str) -> None:
    api.succeed(audit, result())
    with transaction(api.factory) as session:
        session.add(artifact_row(audit, "gone", "0" * 64, 3, "text/plain"))
    answer = http.get(f"/v1/audits/{audit}/artifacts/gone")
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact-missing")
    answer = http.get(f"/v1/audits/{audit}/artifacts/never")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
