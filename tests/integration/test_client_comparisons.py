"""``client.compare`` and ``scotoma compare`` against the real API, database and object storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from schemas.audits import AuditState
from schemas.client import Client, ComparisonUnfinished, ServiceError, TimedOut, comparison_calls
from services.db.automation import ComparisonRow
from services.db.engine import transaction
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.compared_audits import add_ended_audits, end_audit, fail_comparison, succeed_comparison
from tests.builders.comparisons import comparison_pictures, comparison_result
from tests.builders.rows import add_audit, add_classifier


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def client(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(comparison_calls, "POLL_EVERY", 0.05)
    with Client(api.url, api.key()) as client:
        yield client


@pytest.fixture
def pair(api: Api) -> list[str]:
    with transaction(api.factory) as session:
        return add_ended_audits(session)


def drive(api: Api, stop: threading.Event) -> None:
    """Stand in for the dispatcher: finish every comparison."""
    while not stop.wait(0.05):
        with transaction(api.factory) as session:
            waiting = list(session.scalars(select(ComparisonRow.id).where(ComparisonRow.state == "queued")))
        for one in waiting:
            succeed_comparison(api, one, comparison_result(comparison=one), comparison_pictures(rows=1, samples=2))


@pytest.fixture
def dispatcher(api: Api) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=drive, args=(api, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def test_compare_wait_and_read(api: Api, client: Client, pair: list[str]) -> None:
    made = client.compare(*pair, name="mine", idempotency_key="once")
    assert client.compare(*pair, name="mine", idempotency_key="once") == made
    seen = []

    def finish(found: object) -> None:
        seen.append(found)
        succeed_comparison(api, made.id, comparison_result(comparison=made.id), comparison_pictures(rows=1))

    ended = client.wait_for_comparison(made.id, timeout=30, on_progress=finish)
    assert (ended.state, len(seen)) == (AuditState.SUCCEEDED, 1)
    assert client.comparison_result(made.id).comparison == made.id
    assert client.comparison_report(made.id).startswith("<!")
    assert [one.id for one in client.comparisons(audit=pair[1])] == [made.id]


def test_a_comparison_that_fails_says_why(api: Api, client: Client, pair: list[str]) -> None:
    made = client.compare(*pair)
    with pytest.raises(TimedOut, match="goes on in the service"):
        client.wait_for_comparison(made.id, timeout=0)
    with pytest.raises(ServiceError, match="report-not-ready"):
        client.comparison_result(made.id)
    fail_comparison(api, made.id, "An audit is too old", "Audit again.")
    with pytest.raises(ComparisonUnfinished, match=r"failed: An audit is too old\. Audit again\."):
        client.wait_for_comparison(made.id)


# --- the command line ---


def scotoma(api: Api, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schemas.client.cli", "--url", api.url, "--api-key", api.key(), *arguments]
    environ = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


@pytest.mark.usefixtures("dispatcher")
def test_one_line_compares_two_audits(api: Api, pair: list[str], tmp_path: Path) -> None:
    page = tmp_path / "changes.html"
    done = scotoma(api, "compare", *pair, "--out", str(page), "--fail-on", "became-used")
    assert done.returncode == 1, done.stderr
    assert "▲ became used" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert page.read_text().startswith("<!")
    assert str(page) in done.stderr
    quiet = scotoma(api, "compare", *pair, "--json")
    assert quiet.returncode == 0, quiet.stderr
    made = json.loads(quiet.stdout)
    assert made["schema_version"] == "1"
    listed = json.loads(scotoma(api, "comparison", "list", "--audit", pair[1], "--json").stdout)
    assert (len(listed), listed[0]["id"]) == (2, made["comparison"])
    assert "▲ became used" in scotoma(api, "comparison", "show", made["comparison"]).stdout
    assert json.loads(scotoma(api, "report", "get", made["comparison"], "--json").stdout) == made
    fetched = scotoma(api, "report", "get", made["comparison"]).stdout
    assert "What changed from demo-robust to demo-hue" in fetched


def ended_audit(api: Api, model: str) -> str:
    """An audit of its own transaction: the newest is told by the database's clock."""
    with transaction(api.factory) as session:
        audit = add_audit(session, classifier=add_classifier(session, model))
        end_audit(session, audit)
    return audit


@pytest.mark.usefixtures("dispatcher")
def test_the_newest_audit_of_a_name(api: Api) -> None:
    old, older, newest = (ended_audit(api, name) for name in ("v1.onnx", "v2.onnx", "v2.onnx"))
    assert older != newest
    with transaction(api.factory) as session:
        add_audit(session, classifier=add_classifier(session, "v2.onnx"))  # still waits
    done = scotoma(api, "compare", "latest:v1.onnx", "latest:v2.onnx", "--json")
    assert done.returncode == 0, done.stderr
    with Client(api.url, api.key()) as client:
        made = client.comparison(json.loads(done.stdout)["comparison"])
    assert (made.before, made.after) == (old, newest)


def test_exit_codes_of_compare(api: Api, pair: list[str]) -> None:
    assert scotoma(api, "compare", pair[0], "latest:nobody").returncode == 3
    assert scotoma(api, "compare", pair[0], "v2").returncode == 3
    assert scotoma(api, "compare", pair[0], pair[1], "--fail-on", "everything").returncode == 3
    same = scotoma(api, "compare", pair[0], pair[0])
    assert (same.returncode, "no difference from itself" in same.stderr) == (4, True)
    assert scotoma(api, "compare", *pair, "--timeout", "0.1").returncode == 5
