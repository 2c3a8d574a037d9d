"""Structured logs and metrics. Tenant and audit ids go to logs, never into metric labels."""

from __future__ import annotations

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

STAGE_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def configure_logging(log_format: str = "json", level: str = "INFO") -> None:
    """Send structlog's events to stderr, one line each: JSON for machines, ``console`` for people."""
    renderer = structlog.dev.ConsoleRenderer() if log_format == "console" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class Metrics:
    """The metrics of one process, in their own registry, so that two services in one process never collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.jobs = Counter("audit_jobs", "Jobs that ended, by state", ["state"], registry=self.registry)
        self.queue_depth = Gauge("audit_queue_depth", "Jobs that wait to be claimed", registry=self.registry)
        self.queue_wait = Histogram(
            "audit_queue_wait_seconds", "From enqueue to claim", buckets=STAGE_BUCKETS, registry=self.registry
        )
        self.stage_duration = Histogram(
            "audit_stage_duration_seconds",
            "Wall time of a stage",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        self.attempts = Counter("audit_attempts", "Attempts that ended", ["outcome"], registry=self.registry)
        self.leases_expired = Counter("audit_lease_expired", "Leases that ran out", registry=self.registry)
        self.gates = Counter("audit_gates", "Policies that were checked", ["outcome"], registry=self.registry)
        self.schedule_lag = Histogram(
            "audit_schedule_lag_seconds",
            "From an occurrence's time to its audit",
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        self.schedule_missed = Counter(
            "audit_schedule_missed", "Occurrences that nobody made up for", registry=self.registry
        )
        self.fenced_writes = Counter("audit_fenced_writes", "Writes of replaced attempts", registry=self.registry)
        self.artifact_bytes = Counter(
            "audit_artifact_bytes", "Bytes of the stored outputs of audits that succeeded", registry=self.registry
        )
        self.gpu_seconds = Counter(
            "audit_gpu_seconds", "Seconds of stages that ran, times the GPUs they had", registry=self.registry
        )
        self.deliveries = Counter(
            "audit_deliveries", "Attempts to tell somebody of an event", ["sink", "outcome"], registry=self.registry
        )
        self.webhook_deliveries = Counter(
            "audit_webhook_deliveries", "Attempts to tell a webhook of an event", ["outcome"], registry=self.registry
        )
        self.outbox_lag = Gauge(
            "audit_outbox_lag_seconds",
            "How long the oldest delivery that could be sent has been due",
            registry=self.registry,
        )
        self.orphan_objects = Gauge(
            "audit_orphan_objects", "Stored objects that nothing names, at the last look", registry=self.registry
        )
        self.collected_bytes = Counter(
            "audit_collected_bytes", "Bytes of objects that were removed for good", registry=self.registry
        )
        self.collections = Counter(
            "audit_collections", "Runs of the collector, by what came of them", ["outcome"], registry=self.registry
        )
        self.intake_rejections = Counter(
            "audit_intake_rejections", "Files that intake refused", ["reason"], registry=self.registry
        )
