"""Every route asks for a key, and for the right scope; keys are stored as hashes and die when they should."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine, func, select, update

from schemas.api_keys import Scope
from services.api.app import openapi_document
from services.db.engine import transaction
from services.db.tables import ApiKeyRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread

OPEN = {"/healthz", "/readyz", "/metrics"}
SIGNED = {"/v1/registries/{registry}/events"}
"""Routes that ask for a signature over the body instead: ``test_registry_events``."""

SCOPES = {
    ("POST", "/v1/uploads"): Scope.SUBMITTER,
    ("GET", "/v1/uploads/{upload}"): Scope.SUBMITTER,
    ("PUT", "/v1/uploads/{upload}/content"): Scope.SUBMITTER,
    ("POST", "/v1/uploads/{upload}:complete"): Scope.SUBMITTER,
    ("DELETE", "/v1/uploads/{upload}"): Scope.SUBMITTER,
    ("POST", "/v1/classifiers"): Scope.SUBMITTER,
    ("GET", "/v1/classifiers"): Scope.VIEWER,
    ("GET", "/v1/classifiers/{classifier}"): Scope.VIEWER,
    ("POST", "/v1/datasets"): Scope.SUBMITTER,
    ("GET", "/v1/datasets"): Scope.VIEWER,
    ("GET", "/v1/datasets/{dataset}"): Scope.VIEWER,
    ("POST", "/v1/autoencoders"): Scope.SUBMITTER,
    ("GET", "/v1/autoencoders"): Scope.VIEWER,
    ("GET", "/v1/autoencoders/{autoencoder}"): Scope.VIEWER,
    ("GET", "/v1/certificate"): Scope.VIEWER,
    ("POST", "/v1/comparisons"): Scope.SUBMITTER,
    ("GET", "/v1/comparisons"): Scope.VIEWER,
    ("GET", "/v1/comparisons/{comparison}"): Scope.VIEWER,
    ("GET", "/v1/comparisons/{comparison}/result"): Scope.VIEWER,
    ("GET", "/v1/comparisons/{comparison}/report"): Scope.VIEWER,
    ("GET", "/v1/comparisons/{comparison}/manifest"): Scope.VIEWER,
    ("POST", "/v1/audits"): Scope.SUBMITTER,
    ("GET", "/v1/audits"): Scope.VIEWER,
    ("GET", "/v1/audits/{audit}"): Scope.VIEWER,
    ("POST", "/v1/audits/{audit}:cancel"): Scope.SUBMITTER,
    ("GET", "/v1/audits/{audit}/events"): Scope.VIEWER,
    ("GET", "/v1/audits/{audit}/result"): Scope.VIEWER,
    ("GET", "/v1/audits/{audit}/report"): Scope.VIEWER,
    ("GET", "/v1/audits/{audit}/manifest"): Scope.VIEWER,
    ("GET", "/v1/signing-keys"): Scope.VIEWER,
    ("GET", "/v1/audits/{audit}/artifacts"): Scope.VIEWER,
    ("GET", "/v1/audits/{audit}/artifacts/{role}"): Scope.VIEWER,
    ("POST", "/v1/policies"): Scope.SUBMITTER,
    ("GET", "/v1/policies"): Scope.VIEWER,
    ("GET", "/v1/policies/{policy}"): Scope.VIEWER,
    ("POST", "/v1/schedules"): Scope.SUBMITTER,
    ("GET", "/v1/schedules"): Scope.VIEWER,
    ("GET", "/v1/schedules/{schedule}"): Scope.VIEWER,
    ("PUT", "/v1/schedules/{schedule}"): Scope.SUBMITTER,
    ("DELETE", "/v1/schedules/{schedule}"): Scope.SUBMITTER,
    ("POST", "/v1/schedules/{schedule}:pause"): Scope.SUBMITTER,
    ("POST", "/v1/schedules/{schedule}:resume"): Scope.SUBMITTER,
    ("POST", "/v1/schedules/{schedule}:trigger"): Scope.SUBMITTER,
    ("POST", "/v1/schedules/{schedule}:backfill"): Scope.SUBMITTER,
    ("GET", "/v1/schedules/{schedule}/occurrences"): Scope.VIEWER,
    ("GET", "/v1/schedules/{schedule}/upcoming"): Scope.VIEWER,
    ("POST", "/v1/registries"): Scope.ADMIN,
    ("GET", "/v1/registries"): Scope.ADMIN,
    ("GET", "/v1/registries/{registry}"): Scope.ADMIN,
    ("PATCH", "/v1/registries/{registry}"): Scope.ADMIN,
    ("DELETE", "/v1/registries/{registry}"): Scope.ADMIN,
    ("POST", "/v1/registries/{registry}:rotate"): Scope.ADMIN,
    ("GET", "/v1/registries/{registry}/versions"): Scope.ADMIN,
    ("POST", "/v1/registries/{registry}/versions"): Scope.ADMIN,
    ("POST", "/v1/webhooks"): Scope.ADMIN,
    ("GET", "/v1/webhooks"): Scope.ADMIN,
    ("GET", "/v1/webhooks/{webhook}"): Scope.ADMIN,
    ("PATCH", "/v1/webhooks/{webhook}"): Scope.ADMIN,
    ("DELETE", "/v1/webhooks/{webhook}"): Scope.ADMIN,
    ("POST", "/v1/webhooks/{webhook}:rotate"): Scope.ADMIN,
    ("POST", "/v1/webhooks/{webhook}:test"): Scope.ADMIN,
    ("GET", "/v1/webhooks/{webhook}/deliveries"): Scope.ADMIN,
    ("POST", "/v1/webhooks/{webhook}/deliveries/{delivery}:redeliver"): Scope.ADMIN,
    ("POST", "/v1/api-keys"): Scope.ADMIN,
    ("GET", "/v1/api-keys"): Scope.ADMIN,
    ("DELETE", "/v1/api-keys/{key}"): Scope.ADMIN,
    ("POST", "/v1/projects"): Scope.ADMIN,
    ("GET", "/v1/projects"): Scope.VIEWER,
    ("GET", "/v1/projects/{project}"): Scope.VIEWER,
    ("GET", "/v1/projects/{project}/usage"): Scope.VIEWER,
    ("PATCH", "/v1/projects/{project}"): Scope.ADMIN,
    ("GET", "/v1/trail"): Scope.AUDITOR,
}
"""The whole access policy. A route that is missing here fails the test."""

IDS = {
    "upload": "upl",
    "classifier": "clf",
    "dataset": "dat",
    "autoencoder": "aut",
    "audit": "aud",
    "key": "key",
    "policy": "pol",
    "schedule": "sch",
    "project": "prj",
    "comparison": "cmp",
    "webhook": "whk",
    "delivery": "evt",
    "registry": "reg",
}
PATHS = {name: f"{prefix}_{'0' * 24}" for name, prefix in IDS.items()} | {"role": "inn:logits"}
BODIES = {
    "/v1/uploads": {"filename": "a", "bytes": 1},
    "/v1/uploads/{upload}:complete": {"parts": [{"number": 1, "etag": "x"}]},
    "/v1/classifiers": {"name": "a", "upload": PATHS["upload"]},
    "/v1/datasets": {"name": "a", "upload": PATHS["upload"]},
    "/v1/autoencoders": {"name": "a", "encoder": PATHS["upload"], "decoder": PATHS["upload"]},
    "/v1/audits": {"classifier": PATHS["classifier"], "dataset": PATHS["dataset"]},
    "/v1/comparisons": {"before": PATHS["audit"], "after": PATHS["audit"]},
    "/v1/schedules": {"name": "a", "cron": "0 3 * * *", "dataset": PATHS["dataset"], "classifier_name": "a"},
    "/v1/schedules/{schedule}:pause": {},
    "/v1/schedules/{schedule}:backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "/v1/policies": {"version": 1, "name": "a", "rules": [{"must_ignore": "hue"}]},
    "/v1/api-keys": {"name": "a"},
    "/v1/webhooks": {"name": "a", "url": "https://nowhere.invalid/"},
    "/v1/projects": {"name": "a"},
    "/v1/registries": {"name": "a", "url": "https://nowhere.invalid/", "dataset": PATHS["dataset"]},
    "/v1/registries/{registry}/versions": {"model": "a", "version": "1"},
}
BELOW = {
    Scope.AUDITOR: (Scope.VIEWER, Scope.SUBMITTER),
    Scope.SUBMITTER: (Scope.VIEWER, Scope.AUDITOR),
    Scope.ADMIN: (Scope.SUBMITTER, Scope.AUDITOR),
}
"""Scopes that do not include a scope."""


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


def call(http: httpx.Client, method: str, path: str) -> httpx.Response:
    body = BODIES.get(path) if method == "POST" else {} if method == "PATCH" else None
    return http.request(method, path.format(**PATHS), json=body, headers={"Idempotency-Key": "k"})


def routes() -> set[tuple[str, str]]:
    paths = json.loads(openapi_document())["paths"]
    return {(method.upper(), path) for path, item in paths.items() for method in item}


def test_the_policy_names_every_route() -> None:
    assert {(method, path) for method, path in routes() if path not in OPEN | SIGNED} == set(SCOPES)


def test_no_route_answers_without_a_usable_key(api: Api) -> None:
    revoked = api.new_key(Scope.ADMIN)
    expired = api.new_key(Scope.ADMIN)
    with transaction(api.factory) as session:
        for secret, column in ((revoked, "revoked_at"), (expired, "expires_at")):
            digest = hashlib.sha256(secret.encode()).hexdigest()
            session.execute(update(ApiKeyRow).where(ApiKeyRow.hash == digest).values({column: func.now()}))
    wrong = ["", "Bearer", "Bearer scot_unknown", f"Basic {api.key()}", f"Bearer {revoked}", f"Bearer {expired}"]
    everywhere = [(method, path, wrong[2]) for method, path in SCOPES]
    with api.http(None) as http:
        for method, path, header in [*everywhere, *(("GET", "/v1/audits", header) for header in wrong)]:
            answer = http.request(method, path.format(**PATHS), headers={"Authorization": header})
            assert answer.status_code == 401, (method, path, header)
            assert answer.json()["code"] == "unauthenticated"
            assert answer.headers["www-authenticate"] == "Bearer"
        assert http.get("/v1/nothing-here").status_code == 401


def test_each_route_refuses_the_scopes_below_its_own_and_takes_its_own(api: Api) -> None:
    for (method, path), scope in SCOPES.items():
        for below in BELOW.get(scope, ()):
            with api.http(below) as http:
                answer = call(http, method, path)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
        with api.http(scope) as http:
            assert call(http, method, path).status_code not in (401, 403), (method, path)


def test_open_routes_need_no_key(api: Api) -> None:
    with api.http(None) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").json() == {"status": "ready"}
        assert http.get("/openapi.json").status_code == 200
        assert (
            'scotoma_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in http.get("/metrics").text
        )


def test_a_secret_is_shown_once_and_stored_as_a_hash(api: Api) -> None:
    with api.http(Scope.ADMIN) as http:
        made = http.post("/v1/api-keys", json={"name": "ci", "scope": "viewer", "expires_in_days": 3}).json()
        listed = http.get("/v1/api-keys").json()["items"]
    assert made["secret"].startswith(made["prefix"])
    assert made["expires_at"] > made["created_at"]
    assert made["secret"] not in json.dumps(listed)
    assert made["id"] in [item["id"] for item in listed]
    with transaction(api.factory) as session:
        stored = [json.dumps(list(row), default=str) for row in session.execute(select(ApiKeyRow.__table__))]
    assert not any(made["secret"] in row for row in stored)


def test_a_revoked_key_stops_at_once(api: Api) -> None:
    with api.http(Scope.ADMIN) as admin:
        made = admin.post("/v1/api-keys", json={"name": "ci", "scope": "viewer"}).json()
        header = {"Authorization": f"Bearer {made['secret']}"}
        with api.http(None) as http:
            assert http.get("/v1/audits", headers=header).status_code == 200
            for _ in range(2):
                assert admin.delete(f"/v1/api-keys/{made['id']}").status_code == 204
            assert http.get("/v1/audits", headers=header).status_code == 401
        assert admin.delete(f"/v1/api-keys/{PATHS['key']}").status_code == 404


def test_an_upload_belongs_to_the_key_that_made_it(api: Api) -> None:
    with api.http() as http:
        upload = http.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    stranger = {"Authorization": f"Bearer {api.new_key(Scope.SUBMITTER)}"}
    with api.http(None, **stranger) as http:
        assert http.get(f"/v1/uploads/{upload}").status_code == 404
        assert http.put(f"/v1/uploads/{upload}/content", content=b"abc").status_code == 404
        assert http.delete(f"/v1/uploads/{upload}").status_code == 404
    with api.http() as http:
        assert http.put(f"/v1/uploads/{upload}/content", content=b"abc").status_code == 200
    with api.http(None, **stranger) as http:
        assert http.post("/v1/classifiers", json={"name": "x", "upload": upload}).status_code == 422
