"""Server-sent events for open pages: "something changed", and the page fetches itself again.

What changed is told by the page, which the server renders; so script and no script show the same. While nothing
happens, a stream holds neither a database connection nor a thread. It ends with the session that opened it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from fastapi import Request
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from services.db.engine import transaction

from ..ports import PortSet
from . import cookies, sessions

HEARTBEAT_SECONDS = 10.0
LEAST_SECONDS = 1.0
"""Between two looks: every open page asks the database so often."""

LONGEST_SECONDS = 3600.0
"""A page that is open for longer connects again."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Mark = Callable[[Session], str]


async def changes(request: Request, mark: Mark) -> StreamingResponse:
    """An event now, and one whenever ``mark``, read in the visitor's project, has changed."""
    ports: PortSet = request.app.state.ports
    value = cookies.value_of(request) or ""

    def look() -> str | None:
        return _look(ports, value, mark)

    pause = max(LEAST_SECONDS, ports.settings.poll_seconds)
    # Once before the stream begins: what is not there, or not the visitor's, is an answer and no stream.
    first = await run_in_threadpool(look)
    return StreamingResponse(_frames(look, first, pause), media_type="text/event-stream", headers=HEADERS)


def _look(ports: PortSet, value: str, mark: Mark) -> str | None:
    with transaction(ports.sessions) as session:
        visitor = sessions.find(session, value)
    if visitor is None:
        return None
    with ports.tenant(visitor.principal) as session:
        return mark(session)


async def _frames(look: Callable[[], str | None], now: str | None, pause: float) -> AsyncIterator[str]:
    """Frames until the session ends or the page is closed (which cancels this generator)."""
    began = spoke = time.monotonic()
    seen: str | None = None
    yield "retry: 2000\n\n"
    while now is not None and time.monotonic() - began < LONGEST_SECONDS:
        if now != seen:
            seen, spoke = now, time.monotonic()
            yield "event: changed\ndata:\n\n"
        elif time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            spoke = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(pause)
        now = await run_in_threadpool(look)
    if now is None:
        yield "event: ended\ndata:\n\n"
