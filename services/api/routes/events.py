"""``/v1/audits/{id}/events``: server-sent events that can be resumed.

The sequence in the database is the event id, so a client that comes back with ``Last-Event-ID``, to whichever process,
gets exactly what it missed. Before each read it is asked whether the key, or the token, still stands for somebody:
a stream ends with what opened it. While nothing happens, it holds neither a database connection nor a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from schemas.audits import AuditEvent, AuditState
from services.api_keys.service import Principal
from services.audits import service
from services.errors import Forbidden, Unauthenticated, Unavailable

from ..access import Viewer
from ..middleware import sender
from ..ports import Ports, PortSet
from ..problems import Responses, problems
from .paths import Id

HEARTBEAT_SECONDS = 10.0
BACKLOG = 500
"""Events of one read, as many as the service gives; a full read is followed by another at once."""

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
STREAM: Responses = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "One AuditEvent per `data:`"}
}

LastEventId = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1)]
Follow = Annotated[bool, Query(description="Stay until the end; false: what exists by now, then close")]

router = APIRouter(prefix="/v1/audits", tags=["audits"])


@router.get(
    "/{audit}/events",
    response_class=StreamingResponse,
    responses={**STREAM, 204: {"description": "All events were delivered: do not reconnect"}, **problems(404)},
)
async def stream_events(
    request: Request, audit: Id, ports: Ports, principal: Viewer, last: LastEventId = 0, follow: Follow = True
) -> Response:
    """Events after `Last-Event-ID`. The stream closes after the event that ends the audit, or when the key is revoked
    or the token expires.
    """
    ended, first = await run_in_threadpool(_begin, ports, principal, audit, last)
    if ended and not first:
        return Response(status_code=204)
    read = partial(_read, ports, lambda: sender(request.scope), audit)
    frames = _frames(read, ports.settings.poll_seconds, last, first, follow)
    return StreamingResponse(frames, media_type=MEDIA_TYPE, headers=HEADERS)


async def _frames(
    read: Callable[[int], list[AuditEvent] | None], poll: float, last: int, events: list[AuditEvent], follow: bool
) -> AsyncIterator[str]:
    """Frames and heartbeats until the audit ends or the client leaves (which cancels this generator)."""
    spoke = time.monotonic()
    yield "retry: 1000\n\n"
    while True:
        for event in events:
            yield frame(event)
            last, spoke = event.sequence, time.monotonic()
            if _ends(event):
                return
        if len(events) < BACKLOG:
            if not follow:
                return
            if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                spoke = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(poll)
        following = await run_in_threadpool(read, last)
        if following is None:
            return
        events = following


def frame(event: AuditEvent) -> str:
    """One event on the wire. JSON has no raw line breaks, so one ``data:`` line holds it."""
    return f"id: {event.sequence}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"


def _ends(event: AuditEvent) -> bool:
    return event.type == "state" and AuditState(event.data["state"]).terminal


def _begin(ports: PortSet, principal: Principal, audit: str, last: int) -> tuple[bool, list[AuditEvent]]:
    with ports.tenant(principal) as session:
        # State first: an event that ends the audit meanwhile is then still in what is read next.
        ended = service.get(session, audit).state.terminal
        return ended, service.events_after(session, audit, last)


def _read(ports: PortSet, ask: Callable[[], Principal], audit: str, last: int) -> list[AuditEvent] | None:
    """What came after ``last``; ``None`` where whoever opened the stream may no longer read it."""
    try:
        principal = ask()
    except (Unauthenticated, Forbidden, Unavailable):  # a client that still may comes back and misses nothing
        return None
    with ports.tenant(principal) as session:
        return service.events_after(session, audit, last)
