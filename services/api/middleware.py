"""What surrounds every request: id, security headers, metrics, key, size limit. Plain ASGI, so streams stay streams."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from services import tracing
from services.api_keys import service as api_keys
from services.api_keys.service import Principal
from services.db.engine import transaction
from services.errors import ServiceError, Unauthenticated, UploadTooLarge

from .problems import database_problem, problem_response

if TYPE_CHECKING:
    from .ports import PortSet

MAX_BODY = 8 * 2**20
"""Bytes of any body but an upload's content. A hundred thousand class names fit."""

CONTENT = re.compile(r"^/v1/uploads/[^/]+/content$")
SIGNED = re.compile(r"/v1/registries/[^/]+/events")
"""Events of model registries: no key, but the registry's own signature over the body, which the route checks."""

REQUEST_ID = re.compile(r"^[A-Za-z0-9._\-]{8,64}$")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger(__name__)


class HttpMetrics:
    """Counts and times of requests, by route template: an id is never a label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "route", "status"]
        self.requests = Counter("scotoma_http_requests", "Requests answered", labels, registry=registry)
        self.seconds = Histogram(
            "scotoma_http_request_seconds", "Until the last byte", ["method", "route"], registry=registry
        )


class RequestContext:
    """Gives each request an id, and each answer that id, security headers, a metric and a log line."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        wanted = Headers(scope=scope).get("x-request-id", "")
        identity = wanted if REQUEST_ID.match(wanted) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = identity
        began, status = time.perf_counter(), 500

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _mark(message, identity)
            await send(message)

        with _traced(scope, identity) as span:
            try:
                await self.app(scope, receive, send_marked)
            finally:
                self._record(scope, status, time.perf_counter() - began)
                _describe(span, scope, status)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _method(scope), _route(scope)
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.seconds.labels(method, route).observe(seconds)
        say = log.debug if route in PROBES else log.info
        say("request", method=method, route=route, status=status, seconds=round(seconds, 4), **_about(scope))


PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: not worth a line each."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@contextmanager
def _traced(scope: Scope, identity: str) -> Iterator[Span]:
    """Logs and jobs of the request carry its id and its trace; probes are not worth a span."""
    if scope["path"] in PROBES:
        yield INVALID_SPAN
        return
    sent = Headers(scope=scope).get("traceparent")
    attributes = {"http.request.method": _method(scope), "url.scheme": scope["scheme"], "request_id": identity}
    with (
        bound_contextvars(request_id=identity),
        tracing.span(_method(scope), SpanKind.SERVER, sent, attributes) as span,
    ):
        yield span


def _describe(span: Span, scope: Scope, status: int) -> None:
    """What is known of a request when it is answered."""
    span.update_name(f"{_method(scope)} {_route(scope)}")
    span.set_attributes(tracing.named({"http.route": _route(scope), "http.response.status_code": status}))
    span.set_attributes(tracing.named(_about(scope)))
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
        span.set_attribute("error.type", str(status))


def _about(scope: Scope) -> dict[str, str]:
    """Request, project and audit, as far as they are known."""
    principal: Principal | None = scope["state"].get("principal")
    known = {
        "request_id": scope["state"]["request_id"],
        "project": principal and principal.project,
        "audit": scope.get("path_params", {}).get("audit"),
    }
    return {name: str(value) for name, value in known.items() if value}


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "OTHER"


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _mark(message: Message, identity: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = identity
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "private, no-cache")


class Authentication:
    """Asks for a key on everything below ``/v1`` that is not ``SIGNED``, before a body is read: no route can forget."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1") or _is_signed(scope):
            return await self.app(scope, receive, send)
        try:
            principal = await run_in_threadpool(sender, scope)
            scope["state"]["principal"] = replace(principal, request_id=scope["state"]["request_id"])
        except ServiceError as error:
            return await problem_response(error, scope)(scope, receive, send)
        except SQLAlchemyError as error:
            problem = database_problem(error)
            if problem is None:
                raise
            return await problem_response(problem, scope)(scope, receive, send)
        with bound_contextvars(project=principal.project):
            return await self.app(scope, receive, send)


def _is_signed(scope: Scope) -> bool:
    return scope["method"] == "POST" and SIGNED.fullmatch(scope["path"]) is not None


def sender(scope: Scope) -> Principal:
    """Who sends the request, by what it carries and as things are now.

    Raises:
        Unauthenticated: nothing, or what stands for nobody any more.
        Forbidden: the token names no project or scope of this service.
        Unavailable: the identity provider does not answer.
    """
    scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated("No API key was sent.", "Send 'Authorization: Bearer scot_…'.")
    return authenticated(scope["app"].state.ports, secret.strip())


def authenticated(ports: PortSet, secret: str) -> Principal:
    """Who sends ``secret``: an API key, or a token where there is an identity provider.

    Raises:
        Unauthenticated: it is neither.
        Forbidden: the token names no project or scope of this service.
        Unavailable: the identity provider does not answer.
    """
    if ports.bearers is None or secret.startswith(api_keys.MARK):
        with transaction(ports.sessions) as session:
            return api_keys.authenticate(session, secret)
    claims = ports.bearers.claims(secret)
    with transaction(ports.sessions) as session:
        return ports.bearers.principal(session, claims)


class BodyLimit:
    """Refuses bodies beyond ``MAX_BODY``, by their declared length or while they come in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or CONTENT.match(scope["path"]):
            return await self.app(scope, receive, send)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > MAX_BODY:
            return await problem_response(_too_large(), scope)(scope, receive, send)
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise _too_large()
            return message

        return await self.app(scope, receive_counted, send)


def _too_large() -> UploadTooLarge:
    return UploadTooLarge(f"The body is longer than {MAX_BODY} bytes.", "Send files as uploads.")
