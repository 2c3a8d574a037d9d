"""Metric names are a contract with dashboards; logs are one JSON object a line."""

from __future__ import annotations

import json

import pytest
import structlog
from prometheus_client import generate_latest

from services.observability import Metrics, configure_logging

NAMES = {
    "audit_jobs_total",
    "audit_queue_depth",
    "audit_queue_wait_seconds_count",
    "audit_stage_duration_seconds_count",
    "audit_attempts_total",
    "audit_lease_expired_total",
    "audit_fenced_writes_total",
    "audit_intake_rejections_total",
}


def test_metrics_have_their_published_names() -> None:
    metrics = Metrics()
    metrics.jobs.labels("done").inc()
    metrics.stage_duration.labels("latents").observe(1.0)
    metrics.attempts.labels("ended").inc()
    metrics.intake_rejections.labels("model-unreadable").inc()
    lines = generate_latest(metrics.registry).decode().splitlines()
    assert {line.split("{")[0].split(" ")[0] for line in lines} >= NAMES


def test_two_services_live_in_one_process() -> None:
    first, second = Metrics(), Metrics()
    first.fenced_writes.inc()
    assert b"audit_fenced_writes_total 0.0" in generate_latest(second.registry)


def test_logs_are_json_and_show_no_local_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "INFO")
    try:
        leak("hush")
    except ZeroDivisionError:
        structlog.get_logger().exception("job.fault", job="job_1")
    structlog.get_logger().debug("not shown")
    structlog.reset_defaults()
    [line] = capsys.readouterr().err.strip().splitlines()
    record = json.loads(line)
    assert (record["event"], record["job"], record["level"]) == ("job.fault", "job_1", "error")
    assert "ZeroDivisionError" in record["exception"]
    assert "hush" not in line.replace('leak("hush")', "").replace('leak(\\"hush\\")', "")


def leak(password: str) -> float:
    return len(password) / 0
