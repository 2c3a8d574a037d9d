"""Another team's ids and keys, on every route: what is not one's own is not there, and stays as it is.

Routes, path and query parameters come from the OpenAPI document: one that is added and not covered here fails.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from schemas.api_keys import Scope
from services.api.app import openapi_document
from services.db.engine import transaction
from services.db.every_table import SCOPED
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import DIGEST
from tests.builders.worlds import World, make_world
from tests.integration.test_api_access import BODIES, OPEN, PATHS, SIGNED

WITHOUT_A_REFERENCE = {"/v1/uploads", "/v1/policies", "/v1/api-keys", "/v1/webhooks", "/v1/schedules"}
"""What may be made with no word about anything that exists; a schedule may wait for the first classifier of a name."""
OF_EVERYONE = {"/v1/certificate", "/v1/signing-keys"}
"""What belongs to the installation and is the same for all."""


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    whole = settings.model_copy(update={"secret_key": SecretStr("s" * 44), "private_networks": True})
    with api_in_thread(whole, engine, store) as api:
        yield api


@pytest.fixture
def theirs(api: Api) -> World:
    return make_world(api.of_project("theirs"))


@pytest.fixture
def ours(api: Api, theirs: World) -> Iterator[httpx.Client]:
    with api.of_project("ours").http(Scope.ADMIN) as http:
        yield http


def routes() -> list[tuple[str, str, dict[str, Any]]]:
    paths = json.loads(openapi_document())["paths"]
    found = [(method.upper(), path, item) for path, items in paths.items() for method, item in items.items()]
    return [(method, path, item) for method, path, item in found if path not in OPEN]


def named_by(world: World, words: Any) -> Any:
    """``words`` with the ids of ``world`` in place of those of nothing."""
    written = json.dumps(words)
    for name, placeholder in PATHS.items():
        written = written.replace(placeholder, world.ids[name])
    return json.loads(written)


def query(world: World, item: dict[str, Any]) -> dict[str, str]:
    """Every filter of a route set to what would find something of ``world``."""
    values = {
        **world.ids,
        **dict.fromkeys(("digest", "encoder_digest", "decoder_digest"), DIGEST),
        **dict.fromkeys(("before", "after"), world.ids["audit"]),
        "name": world.mark,
        "principal": world.ids["key"],
        "subject": world.ids["upload"],
        "since": "2026-01-01T00:00:00Z",
        "limit": "100",
        "follow": "false",
    }
    neutral = {"cursor", "format", "state", "gate", "count", "original"}
    names = {parameter["name"] for parameter in item.get("parameters", []) if parameter["in"] == "query"}
    return {name: values[name] for name in names - neutral}


def call(http: httpx.Client, world: World, method: str, path: str, params: dict[str, str]) -> httpx.Response:
    made_at = path.rpartition("/")[0] if method == "PUT" else path
    body = {"json": named_by(world, BODIES.get(made_at, {}))} if method in ("POST", "PATCH", "PUT") else {}
    if path.endswith("/content"):
        body = {"content": b"x"}
    headers = {"Idempotency-Key": secrets.token_hex(8), "If-Match": '"1"'}
    return http.request(method, path.format(**world.ids), params=params, headers=headers, **body)


def everything_of(world: World) -> list[str]:
    """All rows and object keys of a project."""
    with transaction(world.api.factory) as session:
        project = {"project": world.api.project}
        whole = "SELECT to_jsonb(kept)::text FROM {} AS kept WHERE {} = :project"
        queries = [whole.format(table, "project_id") for table in SCOPED] + [whole.format("projects", "id")]
        rows = list(session.scalars(text(" UNION ALL ".join(queries) + " ORDER BY 1"), project))
    store = world.api.store
    listing = store.client.list_objects_v2(Bucket=store.bucket.name, Prefix=store.bucket.prefix)
    return rows + [f"{item['Key']} {item['ETag']}" for item in listing["Contents"]]


def test_the_world_of_a_team_is_there_for_itself(theirs: World) -> None:
    """Or else nothing below would mean anything."""
    # A manifest is there once its report was shown.
    reads = [route for route in sorted(routes(), key=lambda route: "manifest" in route[1]) if route[0] == "GET"]
    with theirs.api.http(Scope.ADMIN) as http:
        for method, path, item in reads:
            if path in OF_EVERYONE:
                continue
            for chosen in one_by_one(query(theirs, item)):
                answer = call(http, theirs, method, path, chosen)
                assert answer.status_code == 200 or answer.json()["code"] == "report-not-ready", (path, answer.text)
                assert "{" in path or theirs.holds(answer.content), (path, chosen)


def one_by_one(params: dict[str, str]) -> list[dict[str, str]]:
    return [{}, *({name: value} for name, value in params.items())]


def test_no_route_gives_or_changes_anything_of_another_project(theirs: World, ours: httpx.Client) -> None:
    before = everything_of(theirs)
    for method, path, _ in routes():
        answer = call(ours, theirs, method, path, {})
        where = (method, path, answer.status_code, answer.text[:500])
        sent = set(theirs.ids.values()) if "{" in path or method != "GET" else set()
        assert theirs.holds(answer.content) <= sent, where
        assert answer.status_code in expected(method, path), where
        assert everything_of(theirs) == before, where


def expected(method: str, path: str) -> set[int]:
    if path in SIGNED:
        return {401, 404}
    if "{" in path:
        return {404}
    if method == "GET":
        return {200, 404} if path in OF_EVERYONE else {200}
    if path == "/v1/projects":
        return {403}
    return {201, 422} if path in WITHOUT_A_REFERENCE else {404, 422}


def test_no_filter_finds_anything_of_another_project(theirs: World, ours: httpx.Client) -> None:
    for method, path, item in routes():
        if method == "GET" and "{" not in path:
            for chosen in one_by_one(query(theirs, item)):
                answer = call(ours, theirs, method, path, chosen)
                assert answer.status_code in (200, 404), (path, chosen)
                found = theirs.holds(answer.content) - (set(chosen.values()) if answer.status_code == 404 else set())
                assert not found, (path, chosen)


def test_no_cursor_of_another_project_leads_into_it(theirs: World, ours: httpx.Client) -> None:
    make_world(theirs.api)
    followed = set()
    with theirs.api.http(Scope.ADMIN) as http:
        for method, path, item in routes():
            if method == "GET" and "cursor" in {parameter["name"] for parameter in item.get("parameters", [])}:
                cursor = call(http, theirs, method, path, {"limit": "1"}).json().get("next")
                if cursor is None:
                    continue
                followed.add(path)
                answer = call(ours, theirs, method, path, {"cursor": cursor})
                assert answer.status_code == (404 if "{" in path else 200), path
                assert theirs.mark.encode() not in answer.content
                assert not ("{" not in path and answer.json()["items"]), path
    assert {"/v1/audits", "/v1/classifiers", "/v1/datasets", "/v1/trail"} <= followed


REFERENCES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/classifiers", {"name": "a", "upload": PATHS["upload"]}),
    ("/v1/datasets", {"name": "a", "upload": PATHS["upload"]}),
    ("/v1/autoencoders", {"name": "a", "encoder": PATHS["upload"]}),
    ("/v1/autoencoders", {"name": "a", "decoder": PATHS["upload"]}),
    ("/v1/audits", {"classifier": PATHS["classifier"]}),
    ("/v1/audits", {"dataset": PATHS["dataset"]}),
    ("/v1/audits", {"policy": PATHS["policy"]}),
    ("/v1/audits", {"baseline": PATHS["audit"]}),
    ("/v1/audits", {"config": {"against": [PATHS["classifier"]]}}),
    ("/v1/audits", {"config": {"outside": PATHS["dataset"]}}),
    ("/v1/audits", {"config": {"autoencoder": PATHS["autoencoder"]}}),
    ("/v1/comparisons", {"before": PATHS["audit"]}),
    ("/v1/comparisons", {"after": PATHS["audit"]}),
    ("/v1/schedules", {"dataset": PATHS["dataset"]}),
    ("/v1/schedules", {"classifier": PATHS["classifier"], "classifier_name": None}),
    ("/v1/schedules", {"policy": PATHS["policy"]}),
    ("/v1/schedules", {"baseline": PATHS["audit"]}),
    ("/v1/schedules", {"config": {"against": [PATHS["classifier"]]}}),
    ("/v1/registries", {"dataset": PATHS["dataset"]}),
    ("/v1/registries", {"policy": PATHS["policy"]}),
    ("/v1/registries", {"baseline": PATHS["audit"]}),
]
"""Each thing that a body may name."""
GATED = {"/v1/audits", "/v1/schedules", "/v1/registries"}


def test_no_reference_reaches_into_another_project(api: Api, theirs: World) -> None:
    """One foreign id among ids of one's own: foreign keys of the database would take it."""
    own = make_world(api.of_project("ours"))
    before = everything_of(theirs)
    with own.api.http(Scope.ADMIN) as http:
        for path, foreign in REFERENCES:
            whole = named_by(own, complete(path, own.mark)) | named_by(theirs, foreign)
            answer = http.post(path, json=whole, headers={"Idempotency-Key": secrets.token_hex(8)})
            where = (path, foreign, answer.text)
            assert answer.status_code in (404, 422), where
            assert "has the id" in answer.json()["detail"], where
            assert everything_of(theirs) == before, where


def complete(path: str, name: str) -> dict[str, Any]:
    if path == "/v1/comparisons":
        return {"before": PATHS["audit"], "after": PATHS["audit"]}
    named = {"classifier_name": name} if path == "/v1/schedules" else {}
    gated = {"policy": PATHS["policy"]} if path in GATED else {}
    there = {"url": "http://127.0.0.1:9/"} if path == "/v1/registries" else {}
    return BODIES[path] | named | gated | there


def test_the_same_idempotency_key_is_another_projects_own(api: Api, theirs: World) -> None:
    own = make_world(api.of_project("ours"))
    made = []
    for world in (theirs, own, theirs):
        with world.api.http() as http:
            body = {"classifier": world.ids["classifier"], "dataset": world.ids["dataset"]}
            made.append(http.post("/v1/audits", json=body, headers={"Idempotency-Key": "same"}))
    assert [answer.status_code for answer in made] == [202] * 3
    assert made[0].json()["id"] == made[2].json()["id"] != made[1].json()["id"]
    assert "idempotency-replayed" not in made[1].headers


def test_a_signed_address_of_a_part_opens_that_part_alone(api: Api, theirs: World) -> None:
    body = {"filename": "a", "bytes": 5, "transfer": "multipart"}
    with theirs.api.http() as http:
        known = http.post("/v1/uploads", json=body).json()
    with api.of_project("ours").http() as http:
        mine = http.post("/v1/uploads", json=body).json()
    url = mine["parts"][0]["url"]
    path, _, signature = url.partition("?")
    foreign = known["parts"][0]["url"].partition("?")[0]
    assert f"/projects/{theirs.api.project}/staging/{known['id']}" in foreign
    assert path != foreign
    assert httpx.put(f"{foreign}?{signature}", content=b"x").status_code == 403
    assert httpx.put(url, content=b"12345").status_code == 200


def test_a_guessed_digest_opens_nothing(api: Api, theirs: World) -> None:
    """Nor does having the very same bytes: each project has its own copy."""
    digest = theirs.api.store.put(theirs.mark.encode())
    own = api.of_project("ours")
    assert not own.store.exists(digest)
    assert own.store.put(theirs.mark.encode()) == digest
    assert own.store.key(digest) != theirs.api.store.key(digest)
