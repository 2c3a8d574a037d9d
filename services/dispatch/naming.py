"""Logs and spans of a job name whom it is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.contextvars import bound_contextvars

from services import tracing
from services.jobs.queue import Claim
from services.tracing import Attribute, SpanKind

log = structlog.get_logger()

SUBJECTS = {"audit": "audit", "comparison": "comparison"}
"""Kinds of jobs whose subject has a name of its own in logs and spans."""


@contextmanager
def working_on(owner: Claim) -> Iterator[None]:
    """Logs and spans in the block name the job, its subject and project, and the request that began it."""
    subject = SUBJECTS.get(owner.kind, "subject")
    facts = {"job": owner.job_id, subject: owner.subject_id, "project": owner.project}
    if owner.request_id is not None:
        facts["request_id"] = owner.request_id
    attributes: dict[str, Attribute] = {**facts, "job_kind": str(owner.kind), "attempt": owner.attempt}
    with (
        bound_contextvars(**facts),
        tracing.span(f"job {owner.kind}", SpanKind.CONSUMER, owner.traceparent, attributes),
    ):
        log.info("job.begun", attempt=owner.attempt)
        yield
        log.info("job.ended", attempt=owner.attempt)
