"""The event stream parser and the subscription, without a network."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.client import ServiceError, TimedOut, Unreachable
from schemas.client.events import Frame, Subscription, parse_frames
from schemas.client.transport import Transport

AUDIT = "aud_0123456789abcdef"


def event(sequence: int, state: str = "running") -> str:
    data = {
        "sequence": sequence,
        "audit": AUDIT,
        "type": "state",
        "at": "2026-11-22T00:00:00Z",
        "data": {"state": state},
    }
    return f"id: {sequence}\nevent: state\ndata: {json.dumps(data)}\n\n"


def answers(*replies: httpx.Response | Exception) -> tuple[Transport, list[httpx.Request]]:
    """A transport that gives ``replies`` one after the other, and what it was asked."""
    left, asked = list(replies), []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        item = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(item, Exception):
            raise item
        return item

    transport = Transport("http://test", "scot_x", transport=httpx.MockTransport(reply), sleep=lambda _: None)
    return transport, asked


def stream(*events: str) -> httpx.Response:
    return httpx.Response(200, text="retry: 1\n\n" + "".join(events), headers={"Content-Type": "text/event-stream"})


def subscribe(transport: Transport, **options: float) -> Subscription:
    return Subscription(transport, AUDIT, sleep=lambda _: None, **options)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e", codec="utf-8"), min_size=1)
    )
)
def test_what_is_framed_is_read_back(texts: list[str]) -> None:
    lines = [line for text in texts for line in (f"data: {text}", ": beat", "")]
    assert [frame.data for frame in parse_frames(lines) if frame.data] == texts


def test_fields_of_the_wire_format() -> None:
    lines = ["id: 3", "event:state", "data: a", "data: b", "", ":", "data", "", "data: cut off"]
    assert list(parse_frames(lines)) == [Frame("3", "state", "a\nb"), Frame(), Frame("", "", "")]


def test_a_broken_stream_goes_on_behind_the_last_event() -> None:
    transport, asked = answers(
        stream(event(1), event(2)), httpx.ReadError("cut"), httpx.Response(503), stream(event(3, "succeeded"))
    )
    assert [item.sequence for item in subscribe(transport)] == [1, 2, 3]
    assert [request.headers["last-event-id"] for request in asked] == ["0", "2", "2", "2"]


def test_204_means_that_all_was_delivered() -> None:
    transport, _ = answers(httpx.Response(204))
    assert list(subscribe(transport, after=9)) == []


def test_a_silent_stream_is_given_up_for_polling() -> None:
    transport, asked = answers(httpx.ReadTimeout("silent"), stream(event(1)), stream(event(2, "failed")))
    assert [item.sequence for item in subscribe(transport)] == [1, 2]
    assert [request.url.params["follow"] for request in asked] == ["true", "false", "false"]


def test_what_cannot_get_better_is_raised_at_once() -> None:
    problem = {"code": "not-found", "detail": "No audit has this id."}
    transport, asked = answers(httpx.Response(404, json=problem))
    with pytest.raises(ServiceError, match="No audit has this id") as caught:
        list(subscribe(transport))
    assert (caught.value.code, len(asked)) == ("not-found", 1)


def test_a_service_that_stays_away_is_given_up() -> None:
    transport, asked = answers(httpx.ConnectError("refused"))
    with pytest.raises(Unreachable):
        list(subscribe(transport))
    assert len(asked) > 3


def test_a_deadline_ends_the_watch_and_not_the_audit() -> None:
    transport, _ = answers(stream(event(1)))
    with pytest.raises(TimedOut):
        list(subscribe(transport, timeout=-1.0))
