"""Traces over processes (W3C trace context, OpenTelemetry): API, job row, dispatcher, Ray worker.

Every piece of work has a trace id, which log lines carry. Spans are sent only where a collector is set; elsewhere they
are empty objects that hand the id on. Attributes are ids, names of routes and states, never contents or secrets.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from schemas import __version__

__all__ = ["SpanKind", "export_traces", "flush", "named", "note", "span", "traceparent"]

HEADER = "traceparent"
EXPORT_EVERY_MS = 1000
EXPORT_SECONDS = 2
"""How long a collector that is away may hold up :func:`flush`."""

Attribute = str | int | float | bool


def export_traces(endpoint: str, process: str) -> None:
    """Send this process's spans to ``endpoint`` (the root of an OTLP/HTTP collector); empty: send nothing.

    Once per process. What is left is sent when the process ends. ``OTEL_*`` variables that the SDK knows (headers,
    sampler, attributes of the resource) hold, too.
    """
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    resource = Resource.create({"service.name": f"scotoma-{process}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_EVERY_MS))
    trace.set_tracer_provider(provider)


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    attributes: Mapping[str, Attribute] | None = None,
) -> Iterator[Span]:
    """A span around the block; log lines in it carry its trace id.

    Args:
        name: of few different values.
        kind: where it stands between processes.
        parent: a ``traceparent`` of another process; left out, the span around this one.
        attributes: by OpenTelemetry's names where it has one.
    """
    opened = _tracer().start_span(name, _context(parent), kind, named(attributes or {}))
    if not opened.get_span_context().is_valid:
        opened = _nameless()
    trace_id = trace.format_trace_id(opened.get_span_context().trace_id)
    with trace.use_span(opened, True, False, False), bound_contextvars(trace_id=trace_id):
        try:
            yield opened
        except BaseException as error:  # the text of an exception may quote what must not leave
            opened.set_status(Status(StatusCode.ERROR))
            opened.set_attribute("error.type", type(error).__qualname__)
            raise


def flush() -> None:
    """Send what has ended, now: a worker's process may be killed at any moment after its task."""
    provider = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        provider.force_flush()


def note(name: str, attributes: Mapping[str, Attribute]) -> None:
    """Something that took no time, on the current span."""
    trace.get_current_span().add_event(name, named(attributes))


def traceparent() -> str | None:
    """The current span, for another process to go on from; ``None`` outside of every span."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER)


def named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """``attributes`` with our own ones under ``scotoma.``; names with a dot are OpenTelemetry's."""
    return {name if "." in name else f"scotoma.{name}": value for name, value in attributes.items()}


@cache
def _tracer() -> Tracer:
    return trace.get_tracer("scotoma", __version__)


def _context(parent: str | None) -> Context | None:
    return None if parent is None else TraceContextTextMapPropagator().extract({HEADER: parent})


def _nameless() -> Span:
    """A span of a process that sends none: an id for the logs and for the processes after this one, which may send."""
    ids = secrets.randbits(128) | 1, secrets.randbits(64) | 1
    return NonRecordingSpan(SpanContext(*ids, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
