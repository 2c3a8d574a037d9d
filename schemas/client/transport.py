"""One HTTP exchange with the service: authentication, retries, problems."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from .. import __version__
from ..scalars import Contract
from .errors import ServiceError, Unreachable

RETRIED_STATUS = frozenset({429, 502, 503, 504})
IN_FLIGHT = frozenset({"idempotency-in-flight", "upload-busy"})
QUOTA = "quota-exceeded"
LONGEST_WAIT = 20.0
"""Seconds. A ``Retry-After`` beyond this is cut: the caller's own deadline decides how long to go on."""

Model = TypeVar("Model", bound=Contract)
Body = Callable[[], Any]
"""Opens the request body anew for every try, so that a stream can be sent again."""


def parse_problem(response: httpx.Response) -> ServiceError:
    """The error that a response stands for, also when a proxy on the way answered with something else."""
    request = response.headers.get("x-request-id", "")
    try:
        body = response.json()
        return ServiceError(
            response.status_code, str(body["code"]), str(body["detail"]), str(body.get("advice", "")), request
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        words = response.reason_phrase or "unexpected answer"
        return ServiceError(response.status_code, "unexpected-answer", f"The server said: {words}.", "", request)


def understood(model: type[Model], body: bytes | str) -> Model:
    """``body`` as ``model``; fields that a newer service added are passed over.

    Raises:
        ServiceError: this is not an answer of a Scotoma service that this client knows.
    """
    try:
        return model.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        found = f"The answer is not a {model.__name__} as this client knows it."
        raise ServiceError(200, "unexpected-answer", found, "Compare the versions of client and service.") from error


def repeatable(method: str, headers: Mapping[str, str]) -> bool:
    """Whether sending the same request twice does no harm."""
    return method != "POST" or "Idempotency-Key" in headers


def pause_before(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait before try ``attempt + 1``: what the server asked for, else exponential with full jitter."""
    if retry_after is not None and retry_after.isdigit():
        return min(float(retry_after), LONGEST_WAIT)
    return random.uniform(0.1, 0.3 * 2.0**attempt)


class Transport:
    """A pooled connection to one service.

    Args:
        url: root of the service, without ``/v1``.
        api_key: ``scot_…``, sent as a bearer token.
        timeout: seconds for each read or write, not for the whole exchange.
        retries: further tries of requests that may be repeated.
        sleep: how to wait between tries.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = 60.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}", "User-Agent": f"scotoma/{__version__}"}
        self._http = httpx.Client(
            base_url=url.rstrip("/"), headers=headers, timeout=timeout, transport=transport, follow_redirects=False
        )
        self._retries = retries
        self._sleep = sleep

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Send, retry what may be retried, and return a response below 400. ``timeout`` replaces the usual one.

        Raises:
            ServiceError: the service answered with a problem.
            Unreachable: no answer came back.
        """
        headers = dict(headers or {})
        again = self._retries if repeatable(method, headers) else 0
        for attempt in range(again + 1):
            options: dict[str, Any] = {"params": _given(params), "json": json, "headers": headers}
            if content is not None:
                options["content"] = content()
            if timeout is not None:
                options["timeout"] = timeout
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError as error:
                self._pause_or_raise(attempt, again, error)
                continue
            if response.status_code < 400:
                return response
            if attempt == again or not _worth_another_try(response):
                raise parse_problem(response)
            self._sleep(pause_before(attempt, response.headers.get("retry-after")))
        raise Unreachable("no try was allowed")

    def _pause_or_raise(self, attempt: int, last: int, error: httpx.TransportError) -> None:
        if attempt == last:
            raise Unreachable(f"{self._http.base_url} does not answer: {error or type(error).__name__}") from error
        self._sleep(pause_before(attempt, None))

    @contextmanager
    def stream(
        self, path: str, *, params: Mapping[str, Any], headers: Mapping[str, str], timeout: float
    ) -> Iterator[httpx.Response]:
        """Open a response whose body is read line by line.

        Raises:
            ServiceError: the service answered with a problem.
            httpx.TransportError: the connection broke or stayed silent for ``timeout`` seconds.
        """
        with self._http.stream("GET", path, params=_given(params), headers=headers, timeout=timeout) as response:
            if response.status_code >= 400:
                response.read()
                raise parse_problem(response)
            yield response


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _worth_another_try(response: httpx.Response) -> bool:
    """A limit of the project is for people to know of: no short wait makes room."""
    if response.status_code in RETRIED_STATUS:
        return parse_problem(response).code != QUOTA
    return response.status_code == 409 and parse_problem(response).code in IN_FLIGHT
