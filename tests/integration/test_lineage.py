"""Lineage told to a real receiver: every audit a run with a beginning and an end, each event valid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from schemas.problems import ErrorCode
from schemas.projects import DEFAULT_PROJECT
from services.audits import service as audits
from services.db.engine import SessionFactory, make_session_factory, scoped
from services.db.outbox import DeliveryRow
from services.deliveries.courier import Courier, courier
from services.dispatch import journal
from services.dispatch.sinks import sinks_of
from services.errors import failure
from services.lineage.events import run_id
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.lineage_schemas import check_event
from tests.builders.receivers import Receiver, receiving
from tests.builders.results import result
from tests.builders.rows import add_audit
from tests.builders.steering import eventually


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
    for event in found:
        check_event(event)
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
    found = [(event["run"]["runId"], event["eventType"]) for event in events(receiver)]
    assert found == [
        (run_id(failed), "START"),
        (run_id(failed), "FAIL"),
        (run_id(waiting), "START"),
        (run_id(waiting), "ABORT"),
    ]
    assert events(receiver)[1]["run"]["facets"]["errorMessage"]["message"] == "the loss is not finite"


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
