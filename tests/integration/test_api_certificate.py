"""The calibration certificate over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from services.api.routes import certificate as route
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import api_in_thread
from tests.builders.certificates import certificate

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
DATA = certificate().to_bytes()


@pytest.fixture
def http(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[httpx.Client]:
    with api_in_thread(settings, engine, store) as api, api.http() as http:
        yield http


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "released_bytes", lambda: DATA)


@pytest.mark.usefixtures("released")
def test_json_byte_for_byte_unless_a_page_is_wanted(http: httpx.Client) -> None:
    answer = http.get("/v1/certificate")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.content == DATA
    assert answer.headers["vary"] == "Accept"
    assert http.get("/v1/certificate", params={"format": "json"}, headers=BROWSER).content == DATA


@pytest.mark.usefixtures("released")
@pytest.mark.parametrize(("params", "headers"), [({"format": "html"}, {}), ({}, BROWSER)])
def test_the_page_can_do_nothing_and_says_its_digest(
    http: httpx.Client, params: dict[str, str], headers: dict[str, str]
) -> None:
    answer = http.get("/v1/certificate", params=params, headers=headers)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert hashlib.sha256(DATA).hexdigest() in answer.text


@pytest.mark.usefixtures("released")
def test_each_form_has_its_own_tag(http: httpx.Client) -> None:
    tags = {form: http.get("/v1/certificate", params={"format": form}).headers["etag"] for form in ("json", "html")}
    assert tags["json"] != tags["html"]
    again = http.get("/v1/certificate", headers={"If-None-Match": tags["json"]})
    assert (again.status_code, again.content, again.headers["vary"]) == (304, b"", "Accept")
    other = http.get("/v1/certificate", headers={"If-None-Match": tags["json"], **BROWSER})
    assert other.status_code == 200


def test_a_release_without_one_says_so(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "released_bytes", lambda: None)
    for headers in ({}, BROWSER):
        answer = http.get("/v1/certificate", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("released")
def test_it_needs_a_key_like_every_result(http: httpx.Client) -> None:
    assert http.get("/v1/certificate", headers={"Authorization": ""}).status_code == 401
