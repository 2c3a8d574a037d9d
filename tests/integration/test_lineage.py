"""Lineage told to a real receiver: every audit a run with a beginning and an end, each event known to its client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from schemas.policies import Policy
from schemas.policies.check import check
from schemas.problems import ErrorCode
from schemas.projects import DEFAULT_PROJECT
from schemas.results import AuditResult
from services.audits import service as audits
from services.db.engine import SessionFactory, make_session_factory, scoped
from services.db.outbox import DeliveryRow
from services.deliveries.courier import Courier, courier
from services.dispatch import journal
from services.dispatch.sinks import sinks_of
from services.errors import failure
from services.lineage.events import JOB_TYPE, Run, RunState, Thing, facet, run_event, run_id
from services.lineage.executions import executions
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.lineage_client import check_events, read_by_client
from tests.builders.receivers import Receiver, receiving
from tests.builders.results import result
from tests.builders.rows import add_audit
from tests.builders.steering import eventually

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIGIT = Thing("ours/datasets/digits", "a" * 64, "FILE")
NET = Thing("ours/classifiers/cnn", "b" * 64, "MODEL")
RUN = Run("https://scotoma.example", "ours/cnn", "aud_" + "0" * 24, (DIGIT, NET))
WRONG: dict[str, dict[str, Any]] = {
    "'BEGIN' is not a valid EventType": {"eventType": "BEGIN"},
    "RunEvent has no verdict": {"verdict": "pass"},
    "UUID": {"run": {"runId": "aud_1"}},
    "ProcessingEngineRunFacet is no JobFacet": {
        "job": {"namespace": "n", "name": "j", "facets": {"jobType": facet("processing_engine", version="1")}}
    },
    "DatasetVersionDatasetFacet has no digest": {
        "inputs": [{"namespace": "n", "name": "i", "facets": {"version": facet("version", digest="a")}}]
    },
    "missing 1 required positional argument: 'status'": {
        "run": {"runId": run_id("aud_1"), "facets": {"test": facet("test", tests=[{"name": "x"}])}}
    },
    "OursRunFacet": {
        "run": {
            "runId": run_id("aud_1"),
            "facets": {"ours": {**JOB_TYPE, "_schemaURL": "https://x/1-0-0/OursRunFacet"}},
        }
    },
}
"""Changes that make an event wrong, by what the client says of it."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.answer = lambda _: 201
        yield receiver


@pytest.fixture
def lineage_settings(settings: Settings, receiver: Receiver) -> Settings:
    told = {"openlineage_url": receiver.url, "openlineage_api_key": SecretStr("a-key"), "delivery_seconds": 0.1}
    return settings.model_copy(update={**told, "public_url": "https://scotoma.example/"})


@pytest.fixture
def told(lineage_settings: Settings, engine: Engine) -> SessionFactory:
    """Sessions as every process of this installation makes them."""
    return make_session_factory(engine, lineage_settings.told_sinks)


@pytest.fixture
def post(lineage_settings: Settings, told: SessionFactory) -> Iterator[Courier]:
    with courier(told, sinks_of(lineage_settings, told), Metrics()) as own:
        yield own


def delivered(told: SessionFactory, post: Courier, count: int) -> bool:
    post.step()
    with scoped(told, DEFAULT_PROJECT) as session:
        states = session.scalars(select(DeliveryRow.state).where(DeliveryRow.sink == "openlineage")).all()
    return list(states) == ["delivered"] * count


def events(receiver: Receiver) -> list[dict[str, Any]]:
    found = [json.loads(request.body) for request in receiver.seen]
    check_events(found)
    return found


def begin(told: SessionFactory) -> str:
    with scoped(told, DEFAULT_PROJECT) as session:
        audit = add_audit(session)
    with scoped(told, DEFAULT_PROJECT) as session:
        journal.begin(session, audit, 1, lost=False)
    return audit


def test_a_succeeded_audit_is_a_complete_run_with_its_tests(
    told: SessionFactory, post: Courier, receiver: Receiver, store: S3BlobStore
) -> None:
    audit = begin(told)
    digest = store.put(result().model_dump_json().encode())
    with scoped(told, DEFAULT_PROJECT) as session:
        journal.succeed(session, audit, digest, [])
    eventually(lambda: delivered(told, post, 2))
    started, complete = events(receiver)
    assert (started["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert {event["run"]["runId"] for event in (started, complete)} == {run_id(audit)}
    assert complete["job"]["namespace"] == "https://scotoma.example"
    assert complete["job"]["name"] == "default/model"
    assert [thing["name"] for thing in complete["inputs"]] == ["default/datasets/images", "default/classifiers/model"]
    assert complete["outputs"][0]["facets"]["version"]["datasetVersion"] == digest
    statuses = {test["name"]: test["status"] for test in complete["run"]["facets"]["test"]["tests"]}
    assert statuses["hue at logits: decided"] == "pass"
    assert statuses["position at logits: decided"] == "skip"
    assert "test" not in started["run"]["facets"]
    assert {request.headers["authorization"] for request in receiver.seen} == {"Bearer a-key"}


def test_a_failed_audit_says_why_and_one_that_never_began_gets_its_beginning(
    told: SessionFactory, post: Courier, receiver: Receiver
) -> None:
    failed = begin(told)
    with scoped(told, DEFAULT_PROJECT) as session:
        journal.fail(session, failed, failure(ErrorCode.TRAINING_DIVERGED, "the loss is not finite"))
    eventually(lambda: delivered(told, post, 2))
    with scoped(told, DEFAULT_PROJECT) as session:
        waiting = add_audit(session)
        audits.cancel(session, waiting)
    eventually(lambda: delivered(told, post, 3))
    found = events(receiver)
    assert [(event["run"]["runId"], event["eventType"]) for event in found] == [
        (run_id(failed), "START"),
        (run_id(failed), "FAIL"),
        (run_id(waiting), "START"),
        (run_id(waiting), "ABORT"),
    ]
    assert found[1]["run"]["facets"]["errorMessage"]["message"] == "the loss is not finite"


@pytest.mark.parametrize(("status", "state"), [(500, "waiting"), (401, "waiting"), (422, "failed")])
def test_a_backend_that_is_away_is_told_later_and_a_refusal_ends_it(
    told: SessionFactory, post: Courier, receiver: Receiver, status: int, state: str
) -> None:
    receiver.answer = lambda _: status
    begin(told)

    def tried() -> bool:
        post.step()
        with scoped(told, DEFAULT_PROJECT) as session:
            row = session.scalars(select(DeliveryRow)).one()
        return (row.state, row.last_status, row.attempt) == (state, status, 1)

    eventually(tried)


def test_without_a_backend_nothing_waits_for_one(factory: SessionFactory) -> None:
    begin(factory)
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert session.scalars(select(DeliveryRow)).all() == []


def test_every_event_is_known_to_openlineage() -> None:
    """In every state, and with all that an event can hold."""
    full = replace(RUN, outputs=(DIGIT,), tests=[*executions(result()), *executions(judged())], error="not finite")
    check_events([run_event(run, state, AT) for run in (RUN, full) for state in RunState])


def judged() -> AuditResult:
    """A result with a policy of each outcome."""
    found = result()
    rules = [{"must_ignore": name} for name in ("hue", "slant", "sharpness")]
    policy = Policy.model_validate({"version": 1, "name": "shortcuts", "rules": rules})
    return found.model_copy(update={"policies": [check(policy, found)]})


def test_openlineage_refuses_what_is_wrong() -> None:
    """So that a client that takes anything would be noticed."""
    event = run_event(RUN, RunState.START, AT)
    read = read_by_client([{**event, **change} for change in WRONG.values()])
    assert [why for why, one in zip(WRONG, read, strict=True) if why not in one.get("refused", "")] == []


def test_an_older_schema_than_openlineages_is_noticed() -> None:
    event = run_event(RUN, RunState.START, AT)
    text = json.dumps(event).replace("2-0-4/JobType", "2-0-3/JobType")
    with pytest.raises(AssertionError):
        check_events([json.loads(text)])
