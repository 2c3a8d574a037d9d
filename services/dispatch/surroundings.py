"""What a Ray worker must know of whom it works for: logs and spans there say the same as those of the dispatcher."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import structlog
from structlog.contextvars import bound_contextvars, get_contextvars

from services import tracing
from services.observability import configure_logging
from services.settings import Settings

log = structlog.get_logger()

FACTS = ("job", "audit", "comparison", "subject", "project", "request_id")


@dataclass(frozen=True)
class Surroundings:
    """Carried to the worker: how it logs, where its spans go, and what both name."""

    log_format: str
    log_level: str
    otlp_endpoint: str
    traceparent: str | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def here(cls, settings: Settings) -> Surroundings:
        """Of the thread that asks."""
        known = get_contextvars()
        facts = {name: known[name] for name in FACTS if name in known}
        parent = tracing.traceparent()
        return cls(settings.log_format, settings.log_level, settings.otlp_endpoint, parent, facts)

    @contextmanager
    def around(self, stage: str) -> Iterator[None]:
        """The block is the work on ``stage``, in a worker's process."""
        _prepare(self.log_format, self.log_level, self.otlp_endpoint)
        attributes = {**self.facts, "stage": stage}
        name = f"stage {stage.split(':')[0]}"
        try:
            with (
                bound_contextvars(**self.facts),
                tracing.span(name, parent=self.traceparent, attributes=attributes),
                _logged(stage),
            ):
                yield
        finally:
            tracing.flush()


@contextmanager
def _logged(stage: str) -> Iterator[None]:
    began = time.perf_counter()
    log.info("stage.begun", stage=stage)
    try:
        yield
    except Exception as error:
        log.warning("stage.failed", stage=stage, error=type(error).__qualname__)
        raise
    log.info("stage.ended", stage=stage, seconds=round(time.perf_counter() - began, 3))


@cache
def _prepare(log_format: str, log_level: str, otlp_endpoint: str) -> None:
    """Once per process: workers live on for other stages."""
    configure_logging(log_format, log_level)
    tracing.export_traces(otlp_endpoint, "worker")
