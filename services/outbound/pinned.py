"""Connections that go to an address that was checked, never to what a second look-up says, and end in time.

The name stays what it is for TLS (SNI, the certificate) and for the header ``Host``.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from .addresses import Resolve, reachable, resolve
from .networks import Address
from .pace import LeastRate, Pace

SocketOptions = Iterable[Any]


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to public addresses only; each connection lives at most ``seconds``.

    A receiver that sends a byte now and then keeps every single read below its timeout: only an end to the whole
    helps against it, and for a long exchange a ``rate``.
    """

    def __init__(self, private: bool, seconds: float, ask: Resolve = resolve, rate: LeastRate | None = None) -> None:
        self._private, self._seconds, self._ask, self._rate = private, seconds, ask, rate
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve once, check every address, connect to the first that answers.

        Raises:
            AddressRefused: the host may not be reached.
            httpcore.ConnectError: no address answers.
            httpcore.ConnectTimeout: likewise.
        """
        end = time.monotonic() + self._seconds
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in reachable(host, port, self._private, self._ask):
            try:
                stream = self._connect(address, port, _left(end, timeout), local_address, socket_options)
                return _Bounded(stream, end, self._rate)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def _connect(
        self, address: Address, port: int, timeout: float, local: str | None, options: SocketOptions | None
    ) -> httpcore.NetworkStream:
        return self._inner.connect_tcp(str(address), port, timeout, local, options)

    def sleep(self, seconds: float) -> None:
        """Wait between two tries to connect; this backend is asked for none."""
        self._inner.sleep(seconds)


class _Bounded(httpcore.NetworkStream):
    """A connection no slower than ``rate``, whose every operation ends at ``end`` (monotonic) at the latest."""

    def __init__(self, inner: httpcore.NetworkStream, end: float, rate: LeastRate | None) -> None:
        self._inner, self._end, self._rate = inner, end, rate
        self._pace = None if rate is None else Pace(rate)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _left(self._end, timeout)
        if self._pace is None:
            return self._inner.read(max_bytes, left)
        data = self._inner.read(max_bytes, min(left, self._pace.patience))
        self._pace.took(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._end, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._end, timeout)
        return _Bounded(self._inner.start_tls(ssl_context, server_hostname, left), self._end, self._rate)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(end: float, timeout: float | None) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for this exchange is over")
    return left if timeout is None else min(left, timeout)
