"""Registries over HTTP: secrets shown once, events believed by signature only, each version taken once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, text, update

from schemas.api_keys import Scope
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.engine import scoped, transaction
from services.db.tables import JobKind, JobRow
from services.registries.mlflow.signatures import DELIVERY, SIGNATURE, TIMESTAMP, sign
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_dataset

URL = "http://127.0.0.1:9/mlflow"


@pytest.fixture
def service(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_key": SecretStr("k" * 40), "private_networks": True})


@pytest.fixture
def api(service: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(service, engine, store) as api:
        yield api


def connect(api: Api, **options: Any) -> dict[str, Any]:
    with transaction(api.factory) as session:
        dataset = add_dataset(session)
    with api.http(Scope.ADMIN) as http:
        answer = http.post("/v1/registries", json={"name": "ours", "url": URL, "dataset": dataset, **options})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def created(name: str = "digits", version: str = "1") -> bytes:
    data = {"name": name, "version": version, "source": "models:/m-1", "run_id": "r", "tags": {}, "description": None}
    return json.dumps({"entity": "model_version", "action": "created", "timestamp": "now", "data": data}).encode()


def tell(api: Api, registry: str, secret: str, body: bytes, at: float | None = None) -> httpx.Response:
    stamp = str(int(time.time() if at is None else at))
    headers = {SIGNATURE: sign(secret, "d-1", stamp, body), DELIVERY: "d-1", TIMESTAMP: stamp}
    with api.http(None) as http:
        return http.post(f"/v1/registries/{registry}/events", content=body, headers=headers)


def known(api: Api) -> list[tuple[str, str, str]]:
    with transaction(api.factory) as session:
        rows = session.scalars(select(RegistryVersionRow).order_by(RegistryVersionRow.created_at))
        return [(row.model, row.version, row.state) for row in rows]


def jobs(api: Api) -> int:
    with transaction(api.factory) as session:
        return len(session.scalars(select(JobRow.id).where(JobRow.kind == JobKind.IMPORT_VERSION)).all())


def test_a_version_that_is_told_is_imported_once(api: Api) -> None:
    registry = connect(api, model_names=["dig*", "wine"])
    answers = [tell(api, registry["id"], registry["secret"], created()) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (202, {"accepted": True}),
        (202, {"accepted": False}),
    ]
    with ThreadPoolExecutor(8) as threads:
        same = [threads.submit(tell, api, registry["id"], registry["secret"], created(version="2")) for _ in range(8)]
        assert sorted(done.result().json()["accepted"] for done in same) == [False] * 7 + [True]
    assert not tell(api, registry["id"], registry["secret"], created("Digits")).json()["accepted"]
    assert known(api) == [("digits", "1", "pending"), ("digits", "2", "pending")]
    assert jobs(api) == 2


def test_other_events_are_acknowledged_and_strange_ones_refused(api: Api) -> None:
    registry = connect(api)
    data = {"name": "digits", "version": "1", "key": "stage", "value": "gold"}
    for entity, action in (("model_version_tag", "set"), ("model_version", "deleted"), ("prompt_version", "created")):
        body = json.dumps({"entity": entity, "action": action, "timestamp": "now", "data": data}).encode()
        answer = tell(api, registry["id"], registry["secret"], body)
        assert (answer.status_code, answer.json()) == (202, {"accepted": False})
    for body in (b"", b"not json", b"[]", b'{"entity": "model_version", "action": "created", "data": {}}', created("", "1"), created(version="newest")):  # fmt: skip # noqa: E501
        assert tell(api, registry["id"], registry["secret"], body).status_code == 422, body
    assert known(api) == []


def test_what_is_not_signed_gets_the_same_answer_whatever_is_wrong(api: Api) -> None:
    registry = connect(api)
    disabled = connect(api)
    with api.http(Scope.ADMIN) as http:
        assert http.patch(f"/v1/registries/{disabled['id']}", json={"disabled": True}).json()["disabled_at"]
    secret, body = registry["secret"], created()
    with api.http(None) as http:
        bare = http.post(f"/v1/registries/{registry['id']}/events", content=body)
    wrong = [
        bare,
        tell(api, registry["id"], "another secret", body),
        tell(api, registry["id"], secret, body, at=time.time() - 301),
        tell(api, "reg_" + "0" * 24, secret, body),
        tell(api, "no-id", secret, body),
        tell(api, disabled["id"], disabled["secret"], body),
        tell(api, disabled["id"], secret, body),
    ]
    problems = [{key: value for key, value in answer.json().items() if key != "instance"} for answer in wrong]
    assert {answer.status_code for answer in wrong} == {401}
    assert all(problem == problems[0] for problem in problems)
    assert known(api) == []


def test_the_signature_opens_that_one_address_only(api: Api) -> None:
    registry = connect(api)
    path = f"/v1/registries/{registry['id']}"
    stamp = str(int(time.time()))
    headers = {SIGNATURE: sign(registry["secret"], "d", stamp, b""), DELIVERY: "d", TIMESTAMP: stamp}
    elsewhere = [
        ("GET", path), ("GET", f"{path}/events"), ("PUT", f"{path}/events"), ("POST", f"{path}/events/"),
        ("POST", f"{path}/versions"), ("POST", f"{path}/x/events"), ("POST", f"/v1/registries/..%2F{path}/events"),
        ("POST", "/v1/registries//events"), ("POST", f"{path}/events%0A"),
    ]  # fmt: skip
    with api.http(None, **headers) as http:
        for method, where in elsewhere:
            assert http.request(method, where).status_code == 401, (method, where)


def test_long_events_are_not_read(api: Api) -> None:
    registry = connect(api)
    answer = tell(api, registry["id"], registry["secret"], b" " * (256 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")


def test_the_secret_before_is_taken_for_a_day_after_a_rotation(api: Api) -> None:
    registry = connect(api)
    with api.http(Scope.ADMIN) as http:
        rotated = http.post(f"/v1/registries/{registry['id']}:rotate").json()
    assert rotated["secret"] != registry["secret"]
    assert tell(api, registry["id"], rotated["secret"], created(version="1")).status_code == 202
    assert tell(api, registry["id"], registry["secret"], created(version="2")).status_code == 202
    with transaction(api.factory) as session:
        session.execute(update(RegistryRow).values(previous_until=text("now() - interval '1 second'")))
    assert tell(api, registry["id"], registry["secret"], created(version="3")).status_code == 401
    assert tell(api, registry["id"], rotated["secret"], created(version="3")).status_code == 202


def test_secrets_are_shown_once_and_lie_sealed(api: Api) -> None:
    registry = connect(api, token="mlflow-token")
    with api.http(Scope.ADMIN) as http:
        listed = http.get("/v1/registries").json()["items"]
        shown = http.get(f"/v1/registries/{registry['id']}").json()
    assert listed == [shown]
    assert shown["has_token"]
    assert {key: value for key, value in registry.items() if key != "secret"} == shown
    with transaction(api.factory) as session:
        stored = " ".join(str(list(row)) for row in session.execute(select(RegistryRow.__table__)))
    assert registry["secret"] not in stored
    assert "mlflow-token" not in stored + json.dumps(listed)


def test_versions_that_were_missed_are_asked_for_and_failed_ones_again(api: Api) -> None:
    registry = connect(api, model_names=["digits"])
    path = f"/v1/registries/{registry['id']}/versions"
    with api.http(Scope.ADMIN) as http:
        first = http.post(path, json={"model": "digits", "version": "7"}).json()
        assert http.post(path, json={"model": "digits", "version": "7"}).json() == first
        assert http.post(path, json={"model": "wine", "version": "7"}).status_code == 422
        with transaction(api.factory) as session:
            session.execute(update(RegistryVersionRow).values(state="failed", problem={}))
            session.execute(update(JobRow).values(state="failed"))
        assert not tell(api, registry["id"], registry["secret"], created(version="7")).json()["accepted"]
        assert http.post(path, json={"model": "digits", "version": "7"}).json() == first
        assert [item["id"] for item in http.get(path).json()["items"]] == [first["id"]]
    assert jobs(api) == 2


def test_a_registry_that_is_deleted_is_forgotten_with_its_versions(api: Api) -> None:
    registry = connect(api)
    tell(api, registry["id"], registry["secret"], created())
    with api.http(Scope.ADMIN) as http:
        assert http.delete(f"/v1/registries/{registry['id']}").status_code == 204
        assert http.get(f"/v1/registries/{registry['id']}").status_code == 404
    assert tell(api, registry["id"], registry["secret"], created()).status_code == 401
    with transaction(api.factory) as session:
        assert session.scalars(select(RegistryVersionRow)).all() == []
        assert session.scalars(select(JobRow.state).where(JobRow.kind == JobKind.IMPORT_VERSION)).all() == ["cancelled"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://mlflow"}, {"url": "http://user:password@mlflow"}, {"url": "http://169.254.169.254/"},
        {"dataset": "dat_" + "0" * 24}, {"policy": "pol_" + "0" * 24}, {"baseline": "aud_" + "0" * 24},
        {"baseline": "first"}, {"alias_on_pass": "Latest"}, {"alias_on_pass": "v12"}, {"model_names": []},
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_once(api: Api, wrong: dict[str, Any]) -> None:
    with transaction(api.factory) as session:
        dataset = add_dataset(session)
    with api.http(Scope.ADMIN) as http:
        answer = http.post("/v1/registries", json={"name": "ours", "url": URL, "dataset": dataset, **wrong})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]


def test_events_act_in_the_registrys_own_project(api: Api) -> None:
    registry = connect(api)
    with transaction(api.factory) as session:
        session.execute(text("INSERT INTO projects (id, name) VALUES ('prj_' || repeat('1', 24), 'others')"))
    other = "prj_" + "1" * 24
    with scoped(api.factory, other) as session:
        assert session.get(RegistryRow, registry["id"]) is None
    tell(api, registry["id"], registry["secret"], created())
    with scoped(api.factory, other) as session:
        assert session.scalars(select(RegistryVersionRow)).all() == []
    assert known(api) == [("digits", "1", "pending")]
