"""Every route that changes something leaves a trace in the trail, with the request that did it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from schemas.api_keys import Scope
from services.db.engine import transaction
from services.db.trust import TrailRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.worlds import World, make_world
from tests.integration.test_api_access import BODIES, SIGNED
from tests.integration.test_api_tenancy import complete, named_by, routes

PLACES = {"/v1/registries": {"url": "http://127.0.0.1:9/"}, "/v1/webhooks": {"url": "https://127.0.0.1/hook"}}
MULTIPART = "/v1/uploads/{upload}:complete"


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    whole = settings.model_copy(
        update={"secret_key": SecretStr("s" * 44), "private_networks": True, "public_url": "https://scotoma.example"}
    )
    with api_in_thread(whole, engine, store) as api:
        yield api


def in_order() -> list[tuple[str, str]]:
    """What takes away comes last; a schedule is paused before it is resumed."""
    deeds = [(method, path) for method, path, _ in routes() if method != "GET" and path not in {*SIGNED, MULTIPART}]
    return sorted(deeds, key=lambda deed: (deed[0] == "DELETE", deed[1]))


def do(http: httpx.Client, world: World, method: str, path: str) -> httpx.Response:
    made_at = path.rpartition("/")[0] if method == "PUT" else path
    body: dict[str, Any] = {}
    if path.endswith("/content"):
        body = {"content": b"x"}
    elif method != "DELETE":
        whole = complete(made_at, world.mark) if made_at in BODIES else {}
        body = {"json": named_by(world, whole | PLACES.get(path, {}))}
    if path == "/v1/projects":
        body = {"json": {"name": world.mark}}
    if path == "/v1/comparisons":
        body = {"json": {"before": world.ids["audit"], "after": world.ids["after"]}}
    headers = {"Idempotency-Key": secrets.token_hex(8), "If-Match": '"1"', "X-Request-Id": secrets.token_hex(8)}
    return http.request(method, path.format(**world.ids), headers=headers, **body)


def fresh(http: httpx.Client, world: World, path: str) -> World:
    """The world with a new one of what a route takes only once."""
    if path.startswith("/v1/uploads/{upload}"):
        upload = http.post("/v1/uploads", json={"filename": "a", "bytes": 1}).json()["id"]
        return replace(world, ids=world.ids | {"upload": upload})
    if path == "/v1/audits/{audit}:cancel":
        body = {name: world.ids[name] for name in ("classifier", "dataset")}
        audit = http.post("/v1/audits", json=body, headers={"Idempotency-Key": "fresh"}).json()["id"]
        return replace(world, ids=world.ids | {"audit": audit})
    return world


def test_every_deed_is_in_the_trail(api: Api) -> None:
    world = make_world(api)
    with api.http(Scope.ADMIN) as http:
        for method, path in in_order():
            answer = do(http, fresh(http, world, path), method, path)
            assert answer.is_success, (method, path, answer.text)
            assert_recorded(api, answer, method, path)


def test_completing_a_large_upload_is_in_the_trail(api: Api) -> None:
    with api.http() as http:
        body = {"filename": "a", "bytes": 5, "transfer": "multipart"}
        upload = http.post("/v1/uploads", json=body).json()
        etag = httpx.put(upload["parts"][0]["url"], content=b"12345").headers["etag"]
        done = http.post(f"/v1/uploads/{upload['id']}:complete", json={"parts": [{"number": 1, "etag": etag}]})
        assert done.is_success, done.text
        assert_recorded(api, done, "POST", MULTIPART)


def assert_recorded(api: Api, answer: httpx.Response, method: str, path: str) -> None:
    with transaction(api.factory) as session:
        request = answer.headers["x-request-id"]
        rows = list(session.scalars(select(TrailRow).where(TrailRow.request_id == request)))
    assert rows, (method, path)
    assert {row.principal[:4] for row in rows} == {"key_"}
    assert all(row.action.partition(".")[0] in path and row.subject for row in rows), [row.action for row in rows]
