"""Events as SSE: resumable, complete, and over when the audit is over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, update

from schemas.api_keys import Scope
from schemas.audits import AuditEvent
from schemas.client.events import Frame, lines_of, parse_frames
from schemas.problems import ErrorCode
from services.api.routes import events as route
from services.db.engine import transaction
from services.db.tables import ApiKeyRow
from services.dispatch import journal
from services.errors import failure
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.results import result
from tests.builders.rows import add_audit

STAGES = 15


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings.model_copy(update={"poll_seconds": 0.05}), engine, store) as api:
        yield api


@pytest.fixture
def audit(api: Api) -> str:
    with transaction(api.factory) as session:
        return add_audit(session)


def open_stream(http: httpx.Client, audit: str, last: int = 0, follow: bool = True) -> httpx.Response:
    request = http.build_request(
        "GET",
        f"/v1/audits/{audit}/events",
        headers={"Last-Event-ID": str(last)},
        params={"follow": str(follow).lower()},
    )
    return http.send(request, stream=True)


def take(answer: httpx.Response, most: int = 10**6) -> list[Frame]:
    frames = []
    for frame in parse_frames(lines_of(answer.iter_text())):
        if frame.data:
            frames.append(frame)
        if len(frames) == most:
            break
    answer.close()
    return frames


def live_through(api: Api, audit: str, begun: bool = False) -> None:
    if not begun:
        api.run(audit)
    for number in range(STAGES):
        api.stage(audit, f"stage{number}")
    api.succeed(audit, result())


@pytest.mark.parametrize("ending", [{"revoked_at": func.now()}, {"expires_at": func.now()}])
def test_a_stream_ends_with_the_key_that_opened_it(api: Api, audit: str, ending: dict[str, Any]) -> None:
    api.run(audit)
    with api.http(Scope.VIEWER) as http:
        answer = open_stream(http, audit)
        chunks = answer.iter_text()
        while "running" not in next(chunks):
            pass
        with transaction(api.factory) as session:
            session.execute(update(ApiKeyRow).values(**ending))
        live_through(api, audit, begun=True)
        rest = "".join(chunks)
    assert "stage" not in rest
    assert "succeeded" not in rest


def test_broken_connections_miss_nothing_and_repeat_nothing(api: Api, audit: str) -> None:
    got: list[int] = []
    with api.http() as http, ThreadPoolExecutor(1) as pool:
        story = pool.submit(live_through, api, audit)
        while True:
            answer = open_stream(http, audit, got[-1] if got else 0)
            if answer.status_code == 204:
                break
            # Cut after a few events, in the middle of the stream: the rest of a received chunk is lost on purpose.
            got += [int(frame.id) for frame in take(answer, 3)]
        story.result()
    assert got == list(range(1, STAGES + 3))


def test_a_whole_stream_ends_with_the_audit_and_is_not_served_again(api: Api, audit: str) -> None:
    with api.http() as http:
        answer = open_stream(http, audit)
        assert answer.headers["content-type"].startswith("text/event-stream")
        live_through(api, audit)
        frames = take(answer)
        events = [AuditEvent.model_validate_json(frame.data) for frame in frames]
        assert [event.sequence for event in events] == list(range(1, STAGES + 3))
        assert [frame.event for frame in frames] == [event.type for event in events]
        assert (events[0].data["state"], events[-1].data["state"]) == ("running", "succeeded")
        assert open_stream(http, audit, events[-1].sequence).status_code == 204
        assert [int(frame.id) for frame in take(open_stream(http, audit, STAGES))] == [STAGES + 1, STAGES + 2]


def test_without_following_a_stream_gives_what_is_there(api: Api, audit: str) -> None:
    api.run(audit)
    api.stage(audit, "taps")
    with api.http() as http:
        assert [frame.event for frame in take(open_stream(http, audit, follow=False))] == ["state", "stage"]


def test_a_silent_stream_sends_heartbeats(api: Api, audit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "HEARTBEAT_SECONDS", 0.02)
    with api.http() as http:
        answer = open_stream(http, audit)
        beats = [frame for frame, _ in zip(parse_frames(lines_of(answer.iter_text())), range(4), strict=False)]
        answer.close()
    assert Frame() in beats


def test_many_idle_streams_hold_no_connection_of_the_database(
    settings: Settings, engine: Engine, store: S3BlobStore
) -> None:
    calm = settings.model_copy(update={"poll_seconds": 0.5})
    with api_in_thread(calm, engine, store) as api, api.http() as http:
        with transaction(api.factory) as session:
            audit = add_audit(session)
        with httpx.Client(base_url=api.url, headers=http.headers, timeout=30) as many:
            # More streams than the pool has connections, and than there are threads: other requests still get both.
            streams = [open_stream(many, audit) for _ in range(45)]
            assert http.get(f"/v1/audits/{audit}").status_code == 200
            api.run(audit)
            with transaction(api.factory) as session:
                journal.fail(session, audit, failure(ErrorCode.STAGE_FAILED, "it broke"))
            assert {take(stream)[-1].id for stream in streams} == {"2"}


def test_a_hostile_name_cannot_forge_an_event(api: Api, audit: str) -> None:
    hostile = "x\n\nid: 99\ndata: {}\r\rdata: y\u2028data: z\x85"
    api.run(audit)
    api.stage(audit, hostile)
    with api.http() as http:
        frames = take(open_stream(http, audit, follow=False))
    assert [frame.id for frame in frames] == ["1", "2"]
    assert AuditEvent.model_validate_json(frames[1].data).data["stage"] == hostile


@pytest.mark.parametrize("last", ["-1", "x", "9" * 20])
def test_a_malformed_last_event_id_is_refused(api: Api, audit: str, last: str) -> None:
    with api.http() as http:
        assert http.get(f"/v1/audits/{audit}/events", headers={"Last-Event-ID": last}).status_code == 422
