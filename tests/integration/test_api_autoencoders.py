"""Autoencoders over HTTP, and what an audit may set beside its classifier and references."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select

from schemas.api_keys import Scope
from schemas.audits import View
from services.db.engine import SessionFactory, transaction
from services.db.tables import AuditRow, JobRow
from services.dispatch.subjects import audit_subject, files_of
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_audit, add_autoencoder, add_classifier, add_dataset

MISSING = "0" * 24


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http() as http:
        yield http


def upload(http: httpx.Client, data: bytes) -> str:
    opened = http.post("/v1/uploads", json={"filename": "x.onnx", "bytes": len(data)}).json()["id"]
    assert http.put(f"/v1/uploads/{opened}/content", content=data).status_code == 200
    return str(opened)


def test_two_uploads_make_an_autoencoder_and_an_intake_job(api: Api, http: httpx.Client) -> None:
    body = {"name": "own", "encoder": upload(http, b"encoder"), "decoder": upload(http, b"decoder")}
    key = {"Idempotency-Key": "k"}
    answer = http.post("/v1/autoencoders", json=body, headers=key)
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/autoencoders/{made['id']}")
    assert (made["state"], made["value_range"]) == ("pending", [0.0, 1.0])
    assert made["encoder_digest"] != made["decoder_digest"]
    assert http.get(answer.headers["location"]).json() == made
    assert http.post("/v1/autoencoders", json=body, headers=key).json() == made
    with transaction(api.factory) as session:
        kinds = session.scalars(select(JobRow.kind).where(JobRow.subject_id == made["id"])).all()
    assert kinds == ["intake_autoencoder"]
    found = http.get("/v1/autoencoders", params={"decoder_digest": made["decoder_digest"]}).json()["items"]
    assert [item["id"] for item in found] == [made["id"]]
    assert http.get("/v1/autoencoders", params={"encoder_digest": made["decoder_digest"]}).json()["items"] == []


@pytest.mark.parametrize("value_range", [[1.0, 0.0], [0.0, 0.0], [0.0], ["a", "b"]])
def test_ranges_that_are_none_are_refused(http: httpx.Client, value_range: list[Any]) -> None:
    body = {"name": "own", "encoder": f"upl_{MISSING}", "decoder": f"upl_{MISSING}", "value_range": value_range}
    answer = http.post("/v1/autoencoders", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_uploads_of_others_and_unfinished_ones_make_none(api: Api, http: httpx.Client) -> None:
    mine = upload(http, b"encoder")
    unfinished = http.post("/v1/uploads", json={"filename": "x.onnx", "bytes": 3}).json()["id"]
    with api.http(None, Authorization=f"Bearer {api.new_key(Scope.SUBMITTER)}") as stranger:
        theirs = stranger.post("/v1/autoencoders", json={"name": "x", "encoder": mine, "decoder": mine})
    assert (theirs.status_code, theirs.json()["code"]) == (422, "invalid-request")
    answer = http.post("/v1/autoencoders", json={"name": "x", "encoder": mine, "decoder": unfinished})
    assert (answer.status_code, answer.json()["code"]) == (422, "upload-incomplete")


# --- audits ---


@pytest.fixture
def ids(api: Api) -> dict[str, str]:
    with transaction(api.factory) as session:
        return {
            "classifier": add_classifier(session),
            "dataset": add_dataset(session),
            "other": add_classifier(session, "other"),
            "pending": add_classifier(session, state="pending"),
            "rejected": add_classifier(session, state="rejected"),
            "elsewhere": add_dataset(session, "elsewhere", height=16),
            "grey": add_dataset(session, "grey", channels=1),
            "own": add_autoencoder(session),
            "large": add_autoencoder(session, "large", height=16),
            "unread": add_autoencoder(session, "unread", state="pending"),
            "nobody": f"clf_{MISSING}",
            "nothing": f"dat_{MISSING}",
            "none": f"aut_{MISSING}",
        }


def named(config: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    return {
        key: [ids[one] for one in value] if isinstance(value, list) else ids[value] for key, value in config.items()
    }


def submit(http: httpx.Client, ids: dict[str, str], config: dict[str, Any]) -> httpx.Response:
    body = {"classifier": ids["classifier"], "dataset": ids["dataset"], "config": config}
    return http.post("/v1/audits", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


@pytest.mark.parametrize(
    ("config", "status", "code"),
    [
        ({"against": ["classifier"]}, 422, "invalid-request"),
        ({"against": ["other", "other"]}, 422, "invalid-request"),
        ({"against": ["other", "nobody"]}, 422, "invalid-request"),
        ({"against": ["elsewhere"]}, 422, "invalid-request"),
        ({"against": ["pending"]}, 409, "invalid-request"),
        ({"against": ["rejected"]}, 422, "intake-rejected"),
        ({"outside": "dataset"}, 422, "invalid-request"),
        ({"outside": "grey"}, 422, "invalid-request"),
        ({"outside": "nothing"}, 422, "invalid-request"),
        ({"autoencoder": "large"}, 422, "invalid-request"),
        ({"autoencoder": "none"}, 422, "invalid-request"),
        ({"autoencoder": "unread"}, 409, "invalid-request"),
    ],
)
def test_what_does_not_fit_an_audit_is_said_at_once(
    http: httpx.Client, ids: dict[str, str], config: dict[str, Any], status: int, code: str
) -> None:
    answer = submit(http, ids, named(config, ids))
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == code
    assert answer.json()["advice"] or code == "intake-rejected", "whose advice is that of the file's own problem"


@pytest.mark.parametrize("views", [["everything"], ["mixing"] * (len(View) + 1)])
def test_views_that_are_none(http: httpx.Client, ids: dict[str, str], views: list[str]) -> None:
    assert submit(http, ids, {"views": views}).json()["code"] == "invalid-request"


def test_the_plan_sees_everything_that_an_audit_names(
    api: Api, http: httpx.Client, ids: dict[str, str], factory: SessionFactory
) -> None:
    config = {**named({"against": ["other"], "outside": "elsewhere", "autoencoder": "own"}, ids), "views": ["mixing"]}
    audit = submit(http, ids, config).json()
    assert audit["config"] == {**audit["config"], **config}
    with transaction(factory) as session:
        row = session.get_one(AuditRow, audit["id"])
        subject = audit_subject(row, files_of(session, row), attempt=1)
    assert [other.id for other in subject.against] == [ids["other"]]
    assert subject.outside is not None
    assert subject.outside.id == ids["elsewhere"]
    assert subject.autoencoder is not None
    assert (subject.autoencoder.id, subject.config.views) == (ids["own"], ["mixing"])


def test_audits_of_before_name_nothing(api: Api) -> None:
    with transaction(api.factory) as session:
        row = session.get_one(AuditRow, add_audit(session))
        subject = audit_subject(row, files_of(session, row), attempt=1)
    assert (subject.against, subject.outside, subject.autoencoder) == ([], None, None)
