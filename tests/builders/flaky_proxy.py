"""A TCP proxy before a real server that spoils its first connections: an error instead, or cut in the middle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BLOCK = 65536


@dataclass
class Faults:
    """What happens to the next connections, in order: ``busy`` (503) or ``cut:N`` (closed after N bytes)."""

    plan: list[str] = field(default_factory=list)
    served: int = 0

    def take(self) -> str:
        """The fault of the next connection; nothing when the plan is used up."""
        self.served += 1
        return self.plan.pop(0) if self.plan else ""


@contextmanager
def flaky_proxy(endpoint: str, faults: Faults) -> Iterator[str]:
    """The address of a proxy to ``endpoint``."""
    target = urlsplit(endpoint)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(
                target=serve, args=[client, (target.hostname, target.port), faults.take()], daemon=True
            ).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def serve(client: socket.socket, target: tuple[str, int], fault: str) -> None:
    """One connection, with its fault."""
    with client:
        if fault == "busy":
            client.recv(BLOCK)
            client.sendall(BUSY)
            return
        with socket.create_connection(target) as server:
            threading.Thread(target=copy, args=[client, server, None], daemon=True).start()
            copy(server, client, int(fault.removeprefix("cut:")) if fault else None)
            hang_up(client)
            hang_up(server)


def hang_up(end: socket.socket) -> None:
    """Close for both sides now: a mere close waits for the thread that still reads."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def copy(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    """Copy until the source ends or ``limit`` bytes are through."""
    left = limit if limit is not None else 1 << 62
    try:
        while left > 0 and (block := source.recv(min(BLOCK, left))):
            sink.sendall(block)
            left -= len(block)
    except OSError:
        return
