"""Audits over HTTP: submitted once, listed without gaps, cancelled for good, polled cheaply."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Engine, delete, func, select, update

from schemas.api_keys import Scope
from services.db.engine import transaction
from services.db.tables import AuditEventRow, AuditRow, IdempotencyKeyRow, JobRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_audit, add_classifier, add_dataset


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http() as http:
        yield http


@pytest.fixture
def body(api: Api) -> dict[str, str]:
    with transaction(api.factory) as session:
        return {"classifier": add_classifier(session), "dataset": add_dataset(session)}


def submit(http: httpx.Client, body: dict, key: str | None = None) -> httpx.Response:
    return http.post("/v1/audits", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})


def count(api: Api, table: type) -> int:
    with transaction(api.factory) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_submitted_audit_has_a_row_a_job_and_an_event(api: Api, http: httpx.Client, body: dict) -> None:
    answer = submit(http, body)
    audit = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/audits/{audit['id']}")
    assert int(answer.headers["retry-after"]) >= 1
    assert (audit["state"], audit["name"]) == ("queued", "model on images")
    with transaction(api.factory) as session:
        assert session.scalars(select(JobRow.kind).where(JobRow.subject_id == audit["id"])).all() == ["audit"]
        events = session.scalars(select(AuditEventRow).where(AuditEventRow.audit_id == audit["id"])).all()
        assert [(event.sequence, event.type, event.data) for event in events] == [(1, "state", {"state": "queued"})]


def test_fifty_equal_requests_at_once_are_one_audit(api: Api, http: httpx.Client, body: dict) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: submit(http, body, "the-key"), range(50)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency-in-flight"}
    assert (count(api, AuditRow), count(api, JobRow)) == (1, 1)
    replayed = submit(http, body, "the-key")
    assert replayed.headers["idempotency-replayed"] == "true"
    assert replayed.json() == next(answer.json() for answer in answers if answer.status_code == 202)


def test_a_key_means_one_request_of_one_principal(api: Api, http: httpx.Client, body: dict) -> None:
    first = submit(http, body, "k").json()["id"]
    other = submit(http, {**body, "name": "other"}, "k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    with api.http(None, Authorization=f"Bearer {api.new_key(Scope.SUBMITTER)}") as stranger:
        theirs = submit(stranger, body, "k")
    assert theirs.status_code == 202
    assert theirs.json()["id"] != first


def test_a_refused_request_does_not_use_its_key_up(api: Api, http: httpx.Client, body: dict) -> None:
    assert submit(http, {**body, "classifier": f"clf_{'0' * 24}"}, "k").status_code == 422
    assert submit(http, body, "k").status_code == 202


def test_an_expired_key_is_fresh_again(api: Api, http: httpx.Client, body: dict) -> None:
    first = submit(http, body, "k").json()["id"]
    with transaction(api.factory) as session:
        session.execute(update(IdempotencyKeyRow).values(expires_at=func.now()))
    assert submit(http, body, "k").json()["id"] != first


def test_a_missing_or_malformed_key_is_refused(http: httpx.Client, body: dict) -> None:
    missing = http.post("/v1/audits", json=body)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency-key-missing")
    for key in ("", "a b", "x" * 256):
        answer = http.post("/v1/audits", json=body, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_files_that_are_refused_or_still_read_cannot_be_audited(api: Api, http: httpx.Client, body: dict) -> None:
    with transaction(api.factory) as session:
        pending, rejected = add_dataset(session, state="pending"), add_classifier(session, state="rejected")
    answer = submit(http, {**body, "dataset": pending})
    assert (answer.status_code, answer.json()["advice"]) == (409, "Wait until its state is 'ready'.")
    answer = submit(http, {**body, "classifier": rejected})
    assert (answer.status_code, answer.json()["code"]) == (422, "intake-rejected")
    assert count(api, AuditRow) == 0


def test_pages_repeat_and_miss_nothing_while_audits_are_added(api: Api, http: httpx.Client, body: dict) -> None:
    with transaction(api.factory) as session:
        # One transaction: equal times, so only the id decides the order.
        before = {add_audit(session, f"a{number}", body["classifier"], body["dataset"]) for number in range(17)}
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = http.get("/v1/audits", params=params).json()
        seen += [audit["id"] for audit in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        submit(http, body)
    assert Counter(seen) == Counter(dict.fromkeys(before, 1))
    everything = [audit["created_at"] for audit in http.get("/v1/audits?limit=100").json()["items"]]
    assert len(everything) > len(before)
    assert everything == sorted(everything, reverse=True)


def test_filters_narrow_the_list(api: Api, http: httpx.Client, body: dict) -> None:
    with transaction(api.factory) as session:
        other = add_classifier(session, "other")
        mine, theirs = add_audit(session, "m", **body), add_audit(session, "t", other, body["dataset"])
    api.run(mine)

    def ids(**params: str) -> set[str]:
        return {audit["id"] for audit in http.get("/v1/audits", params=params).json()["items"]}

    assert ids(classifier=other) == {theirs}
    assert ids(dataset=body["dataset"]) == {mine, theirs}
    assert ids(state="running") == {mine}
    assert ids(state="running", classifier=other) == set()


@pytest.mark.parametrize("cursor", ["x", "", "bm9wZQ", "MjAyNi0wMS0wMSBhdWRfMDAwMDAwMDAwMDAwMDAwMDAw", "%00", "é" * 9])
def test_a_foreign_cursor_is_refused(http: httpx.Client, cursor: str) -> None:
    answer = http.get("/v1/audits", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor")


def test_a_queued_audit_is_cancelled_at_once(api: Api, http: httpx.Client, body: dict) -> None:
    audit = submit(http, body).json()["id"]
    for _ in range(2):
        answer = http.post(f"/v1/audits/{audit}:cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        assert answer.json()["finished_at"] is not None
    with transaction(api.factory) as session:
        assert session.scalars(select(JobRow.state).where(JobRow.subject_id == audit)).all() == ["cancelled"]
        events = session.scalars(select(AuditEventRow.data).order_by(AuditEventRow.sequence)).all()
        assert [event["state"] for event in events] == ["queued", "cancelled"]


def test_a_running_audit_is_asked_to_stop(api: Api, http: httpx.Client, body: dict) -> None:
    audit = submit(http, body).json()["id"]
    with transaction(api.factory) as session:
        session.execute(update(JobRow).values(state="running"))
    api.run(audit)
    answer = http.post(f"/v1/audits/{audit}:cancel").json()
    assert (answer["state"], answer["cancel_requested"]) == ("running", True)


def test_a_finished_audit_cannot_be_cancelled(api: Api, http: httpx.Client, body: dict) -> None:
    audit = submit(http, body).json()["id"]
    with transaction(api.factory) as session:
        session.execute(update(AuditRow).values(state="failed"))
        session.execute(delete(JobRow))
    answer = http.post(f"/v1/audits/{audit}:cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "already-finished")


def test_polling_costs_nothing_while_nothing_changes(api: Api, http: httpx.Client, body: dict) -> None:
    audit = submit(http, body).json()["id"]
    first = http.get(f"/v1/audits/{audit}")
    known = {"If-None-Match": f'"old", W/{first.headers["etag"]}'}
    same = http.get(f"/v1/audits/{audit}", headers=known)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    api.run(audit)
    changed = http.get(f"/v1/audits/{audit}", headers=known)
    assert (changed.status_code, changed.json()["state"]) == (200, "running")


HOSTILE = ["<script>alert(1)</script>", "../../etc/passwd", "\u202egnp.exe", "名前 🎯", "a'; DROP TABLE audits;--"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_and_nothing_else(http: httpx.Client, body: dict, name: str) -> None:
    answer = submit(http, {**body, "name": name})
    assert answer.json()["name"] == name
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert http.get(answer.headers["location"]).json()["name"] == name


@pytest.mark.parametrize("name", ["nul\x00", "", "   ", "x" * 201])
def test_names_that_cannot_be_stored_are_refused(http: httpx.Client, body: dict, name: str) -> None:
    answer = submit(http, {**body, "name": name})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_settings_of_another_release_break_no_list(api: Api, http: httpx.Client) -> None:
    with transaction(api.factory) as session:
        strange, plain = add_audit(session), add_audit(session)
        config = {**session.get_one(AuditRow, strange).config, "word_of_the_next_release": 1}
        session.execute(update(AuditRow).where(AuditRow.id == strange).values(config=config))
    answer = http.get("/v1/audits")
    assert answer.status_code == 200, answer.text
    assert {audit["id"] for audit in answer.json()["items"]} == {strange, plain}
