"""An HTTP client for addresses that users chose.

It follows no redirect and takes neither proxies nor credentials from the environment.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx

from .addresses import Resolve, checked_url, resolve
from .pace import LeastRate
from .pinned import PinnedBackend


class PinnedTransport(httpx.BaseTransport):
    """Carries httpx's requests over a :class:`PinnedBackend`. One connection per exchange: nothing is kept open."""

    def __init__(
        self,
        private: bool,
        seconds: float,
        tls: ssl.SSLContext | None = None,
        ask: Resolve = resolve,
        rate: LeastRate | None = None,
    ) -> None:
        self._private = private
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(),  # the operator's own CA by SSL_CERT_FILE
            max_keepalive_connections=0,
            network_backend=PinnedBackend(private, seconds, ask, rate),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``.

        Raises:
            AddressRefused: the address may not be reached.
            httpx.TransportError: it did not answer, not in time, or not as HTTP.
        """
        checked_url(str(request.url), self._private)
        with _as_httpx():
            answer = self._pool.handle_request(_core(request))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions, request=request
        )

    def close(self) -> None:
        """Close what is open."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def outbound_client(
    private: bool,
    seconds: float,
    tls: ssl.SSLContext | None = None,
    ask: Resolve = resolve,
    rate: LeastRate | None = None,
) -> httpx.Client:
    """A client for one user's addresses.

    Args:
        private: whether private networks are allowed (the setting of the same name).
        seconds: how long one exchange may take, from the look-up of the name to the last byte.
        tls: what certificates are believed; left out, the system's, or the operator's (``SSL_CERT_FILE``).
        ask: the resolver.
        rate: how slow an answer may be.
    """
    transport = PinnedTransport(private, seconds, tls, ask, rate)
    return httpx.Client(transport=transport, timeout=seconds, follow_redirects=False, trust_env=False)


def _core(request: httpx.Request) -> httpcore.Request:
    url = httpcore.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    return httpcore.Request(
        request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
    )


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except httpcore.ConnectTimeout as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except httpcore.ConnectError as error:
        raise httpx.ConnectError(str(error)) from error
    except httpcore.ProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except httpcore.NetworkError as error:
        raise httpx.NetworkError(str(error)) from error
