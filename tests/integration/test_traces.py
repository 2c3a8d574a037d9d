"""One audit is one trace over three processes, and log lines of all three name it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import ray
from opentelemetry import trace
from sqlalchemy import Engine, select
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from schemas.api_keys import ApiKeyCreate, Scope
from schemas.projects import DEFAULT_PROJECT
from services.api_keys import service as api_keys
from services.db.engine import SessionFactory, scoped, transaction
from services.db.tables import JobRow
from services.settings import Settings, settings_environ
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import api_in_thread, served_by_process
from tests.builders.collectors import Collector, Seen, collecting
from tests.builders.rows import add_audit, add_classifier, add_dataset

WAIT = 120.0
SECRET_OF_THE_FAULT = b"internals"
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REQUEST = "request-of-this-test"
DONE = ("succeeded", "failed")


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it never came to it"
        time.sleep(0.05)


@contextmanager
def dispatcher(settings: Settings, folder: Path, root: Path, ray_address: str) -> Iterator[Path]:
    """A dispatcher process; yields the file of its log."""
    own = settings.model_copy(update={"ray_address": ray_address})
    command = [sys.executable, "-m", "tests.builders.toy_dispatcher", str(folder)]
    log = folder / "dispatcher.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env={**os.environ, **settings_environ(own)}, cwd=root, stderr=stream)
    try:
        yield log
    finally:
        process.terminate()
        process.wait()


def submit(url: str, factory: SessionFactory, name: str, **headers: str) -> str:
    """Submit an audit to the API and wait for its end."""
    with transaction(factory) as session:
        key = api_keys.create(session, ApiKeyCreate(name="t", scope=Scope.SUBMITTER)).secret
    with scoped(factory, DEFAULT_PROJECT) as session:
        body = {"name": name, "classifier": add_classifier(session), "dataset": add_dataset(session)}
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        eventually(lambda: is_ready(url))
        sent = {"Idempotency-Key": "k", "X-Request-Id": REQUEST, **headers}
        audit = http.post("/v1/audits", json=body, headers=sent)
        assert audit.status_code == 202, audit.text
        identity = str(audit.json()["id"])
        eventually(lambda: http.get(f"/v1/audits/{identity}").json()["state"] in DONE)
    return identity


def is_ready(url: str) -> bool:
    """The socket is bound before anybody listens."""
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.ConnectError:
        return False


def one(spans: dict[str, Seen], name: str) -> Seen:
    (found,) = [span for span in spans.values() if span.name == name]
    return found


def worker_lines() -> list[dict[str, Any]]:
    """What the workers of the shared Ray wrote to their logs."""
    folder = Path(ray._private.worker._global_node.get_logs_dir_path())
    return [line for file in folder.glob("worker-*.err") for line in lines(file)]


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def test_an_audit_is_one_connected_trace_over_three_processes(
    settings: Settings,
    factory: SessionFactory,
    tmp_path: Path,
    ray_address: str,
    repository_root: Path,
    collector: Collector,
) -> None:
    own = settings.model_copy(update={"otlp_endpoint": collector.endpoint + "/"})
    with (
        served_by_process(own) as url,
        dispatcher(own, tmp_path, repository_root, ray_address) as log,
    ):
        audit = submit(url, factory, "ok", traceparent=CALLER)
        trace = CALLER.split("-")[1]
        eventually(lambda: len(collector.of(trace)) >= 6)
    spans = {span.id: span for span in collector.of(trace)}
    submitted = one(spans, "POST /v1/audits")
    job = one(spans, "job audit")
    stages = [span for span in spans.values() if span.service == "scotoma-worker"]
    assert submitted.parent == CALLER.split("-")[2]
    assert job.parent == submitted.id
    assert {span.parent for span in stages} == {job.id}
    assert len(stages) == 4
    assert submitted.attributes["http.response.status_code"] == 202
    for span in (job, *stages):
        assert span.attributes["scotoma.audit"] == audit
        assert span.attributes["scotoma.project"] == DEFAULT_PROJECT
        assert span.attributes["scotoma.request_id"] == REQUEST
    assert not any(b"scot_" in body for body in collector.bodies)
    for told in (lines(log), worker_lines()):
        mine = [line for line in told if line.get("audit") == audit]
        assert {line["event"] for line in mine} & {"job.begun", "stage.begun"}
        for line in mine:
            assert (line["trace_id"], line["request_id"], line["project"]) == (trace, REQUEST, DEFAULT_PROJECT)


def test_a_failed_stage_is_a_failed_span_that_quotes_nothing(
    settings: Settings,
    factory: SessionFactory,
    tmp_path: Path,
    ray_address: str,
    repository_root: Path,
    collector: Collector,
) -> None:
    own = settings.model_copy(update={"otlp_endpoint": collector.endpoint})
    with dispatcher(own, tmp_path, repository_root, ray_address):
        with transaction(factory) as session:
            add_audit(session, name="fit:a fault")
        eventually(lambda: any(span.failed for span in collector.spans if span.service == "scotoma-worker"))
    (failed,) = [span for span in collector.spans if span.failed and span.service == "scotoma-worker"]
    assert failed.name == "stage fit"
    assert failed.attributes["error.type"]
    assert not any(SECRET_OF_THE_FAULT in body for body in collector.bodies)


def test_without_a_collector_ids_go_on_and_nothing_is_sent(
    settings: Settings, engine: Engine, store: S3BlobStore, factory: SessionFactory, ray_address: str, tmp_path: Path
) -> None:
    with (
        capture_logs(processors=[merge_contextvars]) as logs,
        api_in_thread(settings, engine, store) as api,
        api.http(Scope.SUBMITTER, **{"Idempotency-Key": "k", "X-Request-Id": REQUEST}) as http,
    ):
        with scoped(factory, DEFAULT_PROJECT) as session:
            body = {"classifier": add_classifier(session), "dataset": add_dataset(session)}
        audit = http.post("/v1/audits", json=body).json()["id"]
        http.get(f"/v1/audits/{audit}")
    queued = next(line for line in logs if line["event"] == "job.queued")
    with transaction(factory) as session:
        job = session.scalars(select(JobRow)).one()
    assert (queued["request_id"], queued["project"], queued["subject"]) == (REQUEST, DEFAULT_PROJECT, audit)
    assert job.request_id == REQUEST
    assert job.traceparent is not None
    assert job.traceparent.split("-")[1] == queued["trace_id"]
    polled = next(line for line in logs if line["event"] == "request" and line["method"] == "GET")
    assert (polled["audit"], polled["project"]) == (audit, DEFAULT_PROJECT)
    assert polled["trace_id"] != queued["trace_id"]
    assert "opentelemetry.sdk.trace.export" not in sys.modules or isinstance(
        trace.get_tracer_provider(), trace.ProxyTracerProvider
    )
