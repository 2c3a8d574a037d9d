"""Retries, problems and versions, without a network."""

from __future__ import annotations

import httpx
import pytest

from schemas.audits import Audit
from schemas.client import Client, ScotomaError, ServiceError, Unreachable
from schemas.client.transport import Transport, pause_before, understood

FINE = httpx.Response(200, json={})


def transport(*replies: httpx.Response | Exception) -> tuple[Transport, list[httpx.Request], list[float]]:
    left, asked, slept = list(replies), [], []

    def reply(request: httpx.Request) -> httpx.Response:
        request.read()
        asked.append(request)
        item = left.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    made = Transport("http://test/", "scot_x", transport=httpx.MockTransport(reply), sleep=slept.append, retries=3)
    return made, asked, slept


def test_the_key_goes_along() -> None:
    made, asked, _ = transport(FINE)
    made.send("GET", "/v1/audits")
    assert asked[0].headers["authorization"] == "Bearer scot_x"
    assert asked[0].headers["user-agent"].startswith("scotoma/")


def test_what_may_be_repeated_is_repeated() -> None:
    made, asked, slept = transport(httpx.ConnectError("x"), httpx.Response(503, headers={"Retry-After": "7"}), FINE)
    assert made.send("GET", "/v1/audits").status_code == 200
    assert len(asked) == 3
    assert slept[1] == 7.0


def test_a_post_is_repeated_only_with_a_key() -> None:
    made, asked, _ = transport(httpx.ReadError("x"), FINE)
    with pytest.raises(Unreachable):
        made.send("POST", "/v1/audits", json={})
    assert len(asked) == 1
    made, asked, _ = transport(httpx.ReadError("x"), FINE)
    made.send("POST", "/v1/audits", json={}, headers={"Idempotency-Key": "k"})
    assert [request.headers["idempotency-key"] for request in asked] == ["k", "k"]


def test_a_request_in_flight_is_asked_again_and_other_conflicts_are_not() -> None:
    in_flight = httpx.Response(409, json={"code": "idempotency-in-flight", "detail": "runs"})
    made, asked, _ = transport(in_flight, FINE)
    made.send("POST", "/v1/audits", headers={"Idempotency-Key": "k"})
    assert len(asked) == 2
    made, asked, _ = transport(httpx.Response(409, json={"code": "already-finished", "detail": "over"}))
    with pytest.raises(ServiceError, match="over"):
        made.send("POST", "/v1/audits/x:cancel", headers={"Idempotency-Key": "k"})


def test_a_streamed_body_is_opened_anew_for_each_try() -> None:
    made, asked, _ = transport(httpx.Response(503), FINE)
    made.send("PUT", "/v1/uploads/x/content", content=lambda: iter([b"ab", b"c"]))
    assert [request.content for request in asked] == [b"abc", b"abc"]


def test_retries_end() -> None:
    made, asked, slept = transport(*[httpx.Response(503, json={"code": "service-unavailable", "detail": "d"})] * 4)
    with pytest.raises(ServiceError) as caught:
        made.send("GET", "/v1/audits")
    assert (caught.value.status, caught.value.code, len(asked), len(slept)) == (503, "service-unavailable", 4, 3)


@pytest.mark.parametrize("body", [b"<html>Bad gateway", b"[]", b'{"detail": "x"}', b"", b"null"])
def test_a_proxy_that_speaks_no_problem_is_an_error_all_the_same(body: bytes) -> None:
    made, _, _ = transport(httpx.Response(404, content=body))
    with pytest.raises(ServiceError) as caught:
        made.send("GET", "/v1/audits")
    assert (caught.value.status, caught.value.code) == (404, "unexpected-answer")


def test_pauses_grow_and_stay_bounded() -> None:
    assert all(0.1 <= pause_before(attempt, None) <= max(0.3 * 2**attempt, 0.3) for attempt in range(6))
    assert pause_before(0, "3600") == 20.0


def test_a_newer_service_may_add_fields_and_a_stranger_may_not() -> None:
    audit = {
        "id": "aud_0123456789abcdef",
        "name": "n",
        "state": "queued",
        "classifier": "clf_0123456789abcdef",
        "dataset": "dat_0123456789abcdef",
        "config": {"new": 1},
        "attempt": 0,
        "created_at": "2026-11-22T00:00:00Z",
    }
    import json

    assert understood(Audit, json.dumps(audit | {"brand_new": 1})).name == "n"
    with pytest.raises(ServiceError, match="versions"):
        understood(Audit, b"<html>")


def test_a_client_without_address_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCOTOMA_URL", raising=False)
    with pytest.raises(ScotomaError, match="SCOTOMA_URL"):
        Client(api_key="scot_x")
