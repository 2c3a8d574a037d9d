"""Server-sent events: the wire format, and a subscription that survives broken connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx

from ..audits import AuditEvent, AuditState
from .errors import ServiceError, TimedOut, Unreachable
from .transport import Transport, pause_before, understood

SILENCE = 40.0
"""Seconds without even a heartbeat (the service sends one every 10 s) after which a connection counts as dead."""

POLL_EVERY = 1.0


@dataclass(frozen=True)
class Frame:
    """One server-sent event; an empty one is a heartbeat."""

    id: str = ""
    event: str = ""
    data: str = ""


def lines_of(chunks: Iterable[str]) -> Iterator[str]:
    """Lines of a stream, ended by LF or CRLF only: a U+2028 inside of a name ends none. What was cut off is dropped."""
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        yield from (line.removesuffix("\r") for line in lines)


def parse_frames(lines: Iterable[str]) -> Iterator[Frame]:
    """Frames of an ``text/event-stream`` body (WHATWG HTML, section 9.2.6). A comment yields an empty frame."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line == "":
            if fields:
                yield Frame(**{name: "\n".join(fields.get(name, [])) for name in ("id", "event", "data")})
            fields = {}
        elif line.startswith(":"):
            yield Frame()
        else:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))


def ends(event: AuditEvent) -> bool:
    """Whether nothing follows ``event``."""
    return event.type == "state" and AuditState(event.data["state"]).terminal


class Subscription:
    """The events of one audit, each exactly once and in order, over as many connections as it takes.

    A stream that stays silent (a proxy that buffers, for instance) is given up for polling, which asks the same
    endpoint for the events that exist by now.
    """

    def __init__(
        self,
        transport: Transport,
        audit: str,
        *,
        after: int = 0,
        timeout: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._path = f"/v1/audits/{audit}/events"
        self._audit = audit
        self._last = after
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._sleep = sleep
        self._follow = True
        self._failures = 0

    def __iter__(self) -> Iterator[AuditEvent]:
        while True:
            try:
                for event in self._connection():
                    if event is None:
                        return
                    yield event
                    if ends(event):
                        return
            except (httpx.TransportError, ServiceError) as error:
                self._recover(error)
            self._check_deadline()
            if not self._follow:
                self._sleep(self._at_most(POLL_EVERY))

    def _connection(self) -> Iterator[AuditEvent | None]:
        """Events of one connection; ``None`` when the service says that all were delivered (204)."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}
        params = {"follow": str(self._follow).lower()}
        with self._transport.stream(
            self._path, params=params, headers=headers, timeout=self._at_most(SILENCE)
        ) as response:
            if response.status_code == 204:
                yield None
                return
            for frame in parse_frames(lines_of(response.iter_text())):
                self._check_deadline()
                if frame.data:
                    event = understood(AuditEvent, frame.data)
                    self._last, self._failures = event.sequence, 0
                    yield event

    def _recover(self, error: httpx.TransportError | ServiceError) -> None:
        """Decide how to go on after a broken connection.

        Raises:
            ServiceError: trying again cannot help.
            Unreachable: too many failures in a row.
        """
        self._check_deadline()
        if isinstance(error, ServiceError) and error.status < 500 and error.status != 429:
            raise error
        self._failures += 1
        if self._failures > 8:
            raise Unreachable(f"the events of {self._audit} cannot be read: {error}") from error
        self._follow = self._follow and not isinstance(error, httpx.ReadTimeout)
        self._sleep(self._at_most(pause_before(min(self._failures, 5), None)))

    def _at_most(self, seconds: float) -> float:
        if self._deadline is None:
            return seconds
        return max(0.05, min(seconds, self._deadline - time.monotonic()))

    def _check_deadline(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimedOut(f"{self._audit} did not finish in time; it goes on in the service.")
