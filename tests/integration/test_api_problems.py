"""Errors are problems (RFC 9457), whatever goes wrong, and say nothing of the inside."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from schemas.problems import ErrorCode, Problem
from services import errors
from services.api.app import create_app
from services.api.problems import MethodNotAllowed
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread, served


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


def check(answer: httpx.Response, status: int, code: ErrorCode) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.code) == (status, status, code)
    assert problem.type == f"urn:scotoma:problem:{code}"
    assert problem.instance == f"urn:scotoma:request:{answer.headers['x-request-id']}"
    assert "Traceback" not in answer.text
    return problem


def test_routing_errors_are_problems(api: Api) -> None:
    with api.http() as http:
        check(http.get("/v1/nothing"), 404, ErrorCode.NOT_FOUND)
        check(http.get("/nothing"), 404, ErrorCode.NOT_FOUND)
        answer = http.patch("/v1/audits", json={})
        check(answer, 405, ErrorCode.METHOD_NOT_ALLOWED)
        assert answer.headers["allow"]


def test_invalid_bodies_name_their_fields_and_repeat_nothing(api: Api) -> None:
    wrong, as_json = {"bytes": -1, "secret": "hunter2"}, {"Content-Type": "application/json"}
    with api.http() as http:
        problem = check(http.post("/v1/uploads", json=wrong), 422, ErrorCode.INVALID_REQUEST)
        assert {".".join(item["at"]) for item in problem.errors} == {"body.filename", "body.bytes", "body.secret"}
        assert "hunter2" not in problem.model_dump_json()
        check(
            http.post("/v1/uploads", content=b"{", headers=as_json),
            422,
            ErrorCode.INVALID_REQUEST,
        )
        check(
            http.post("/v1/uploads", content=b'"\xff"', headers=as_json),
            422,
            ErrorCode.INVALID_REQUEST,
        )


def test_a_request_id_is_kept_when_it_is_harmless(api: Api) -> None:
    with api.http() as http:
        assert http.get("/healthz", headers={"X-Request-Id": "build-4711"}).headers["x-request-id"] == "build-4711"
        made_up = http.get("/healthz", headers={"X-Request-Id": "<script>alert(1)"}).headers["x-request-id"]
        assert "<" not in made_up


def test_no_foreign_origin_is_allowed_in(api: Api) -> None:
    with api.http() as http:
        answer = http.get("/v1/audits", headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_missing_database_or_bucket_is_503_and_not_ready(settings: Settings) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nowhere = settings.model_copy(update={"database_url": SecretStr(f"postgresql://u:hunter2@127.0.0.1:{port}/x")})
    with served(create_app(nowhere)) as url, httpx.Client(base_url=url, timeout=30) as http:
        answer = http.get("/v1/audits", headers={"Authorization": "Bearer scot_x"})
        assert "hunter2" not in check(answer, 503, ErrorCode.SERVICE_UNAVAILABLE).model_dump_json()
        assert int(answer.headers["retry-after"]) > 0
        check(http.get("/readyz"), 503, ErrorCode.SERVICE_UNAVAILABLE)
        assert http.get("/healthz").status_code == 200
    with served(create_app(settings.model_copy(update={"s3_secret_key": SecretStr("wrong")}))) as url:
        check(httpx.get(f"{url}/readyz", timeout=30), 503, ErrorCode.SERVICE_UNAVAILABLE)


def test_a_database_without_tables_is_not_ready(settings: Settings, empty_database_url: str) -> None:
    empty = settings.model_copy(update={"database_url": SecretStr(empty_database_url)})
    with served(create_app(empty)) as url:
        check(httpx.get(f"{url}/readyz", timeout=30), 503, ErrorCode.SERVICE_UNAVAILABLE)


def test_a_bug_is_a_problem_without_a_stack_trace(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/boom")
    def boom() -> None:
        raise RuntimeError("hunter2")

    with served(app) as url:
        problem = check(httpx.get(f"{url}/boom", timeout=30), 500, ErrorCode.INTERNAL)
    assert "hunter2" not in problem.model_dump_json()


def leaves(kind: type[errors.ServiceError]) -> list[type[errors.ServiceError]]:
    below = kind.__subclasses__()
    return [leaf for sub in below for leaf in leaves(sub)] if below else [kind]


def test_each_concrete_error_has_a_code_of_its_own() -> None:
    internal = {errors.Corrupt, errors.Fenced}
    kinds = [
        kind for kind in leaves(errors.ServiceError) if kind not in internal and kind.__module__ == errors.__name__
    ]
    codes = [kind.code for kind in [*kinds, MethodNotAllowed]]
    assert len(codes) == len(set(codes))
    assert all(isinstance(code, ErrorCode) for code in codes)
    assert {kind.code for kind in internal} == {ErrorCode.INTERNAL}
