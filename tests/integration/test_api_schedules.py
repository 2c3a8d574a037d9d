"""Schedules over HTTP: made, changed by whom has read them, paused, and asked for audits at other times."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select, update

from schemas.policies import Policy
from services.db.automation import OccurrenceRow, ScheduleRow
from services.db.engine import transaction
from services.db.tables import AuditRow
from services.policies import service as policies
from services.schedules import repository
from services.schedules.look import look
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_audit, add_classifier, add_dataset

OTHER = "somebody-else"


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http() as http:
        yield http


@pytest.fixture
def body(api: Api) -> dict[str, Any]:
    with transaction(api.factory) as session:
        subjects = {"classifier": add_classifier(session), "dataset": add_dataset(session)}
    return {"name": "nightly", "cron": "30 2 * * *", "zone": "Europe/Berlin", **subjects}


def post(http: httpx.Client, path: str, body: Any = None, key: str = "") -> httpx.Response:
    return http.post(f"/v1/schedules{path}", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})


def made(http: httpx.Client, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = post(http, "", {**body, **changes})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def look_now(api: Api, schedule: str) -> None:
    with transaction(api.factory) as session:
        look(session, schedule, repository.clock(session))


def times(http: httpx.Client, schedule: str) -> dict[str, dict[str, Any]]:
    items = http.get(f"/v1/schedules/{schedule}/occurrences", params={"limit": 100}).json()["items"]
    return {item["due_at"]: item for item in items}


def test_a_schedule_is_made_once_and_says_when_it_is_due(http: httpx.Client, body: dict[str, Any]) -> None:
    first, again = (post(http, "", body, "the-key") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    schedule = first.json()
    assert first.headers["location"] == f"/v1/schedules/{schedule['id']}"
    assert datetime.fromisoformat(schedule["next_at"]) > datetime.now(UTC)
    assert (schedule["overlap"], schedule["catch_up"], schedule["paused_at"]) == ("skip", "latest", None)
    assert [item["id"] for item in http.get("/v1/schedules").json()["items"]] == [schedule["id"]]


def test_upcoming_times_cross_a_clock_change(http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body)["id"]
    asked = {"since": "2027-03-27T00:00:00+01:00", "count": 3}
    answer = http.get(f"/v1/schedules/{schedule}/upcoming", params=asked).json()
    assert answer["zone"] == "Europe/Berlin"
    assert [item["local"] for item in answer["items"]] == [
        "2027-03-27T02:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00",
    ]  # fmt: skip
    assert [item["due_at"] for item in answer["items"]][1] == "2027-03-28T01:00:00Z"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"cron": "30 12 3 *"}, "4 fields"),
    ({"cron": "99 2 * * *"}, "Bad minute"),
    ({"zone": "Europe/Atlantis"}, "no time zone"),
    ({"classifier_name": "fraud"}, "either a fixed classifier or"),
    ({"classifier": None}, "either a fixed classifier or"),
    ({"dataset": f"dat_{'0' * 24}"}, "No dataset has the id"),
    ({"classifier": f"clf_{'0' * 24}"}, "No classifier has the id"),
    ({"policy": f"pol_{'0' * 24}"}, "No policy has the id"),
    ({"baseline": "previous"}, "A baseline is for the rules of a policy."),
    ({"starts_at": "2090-02-01T00:00:00Z", "ends_at": "2090-01-01T00:00:00Z"}, "ends before it begins"),
    ({"ends_at": "2020-01-01T00:00:00Z"}, "ends before its next time"),
    ({"starts_at": "2090-02-01T00:00:00"}, "starts_at"),
    ({"config": {"against": [f"clf_{'0' * 24}"]}}, "No classifier has the id"),
]


def test_what_could_never_run_is_refused(http: httpx.Client, body: dict[str, Any]) -> None:
    for changes, found in REFUSED:
        answer = post(http, "", {**body, **changes})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert found in answer.json()["detail"], changes
    assert http.get("/v1/schedules").json()["items"] == []


def test_a_name_may_wait_for_its_first_classifier(http: httpx.Client, body: dict[str, Any]) -> None:
    assert made(http, body, classifier=None, classifier_name="not there yet")["classifier_name"] == "not there yet"


def test_nobodys_change_is_lost(http: httpx.Client, body: dict[str, Any]) -> None:
    path = f"/v1/schedules/{made(http, body)['id']}"
    tag, change = http.get(path).headers["etag"], {**body, "cron": "0 4 * * *"}
    assert (missing := http.put(path, json=change)).status_code == 428
    assert missing.json()["code"] == "precondition-required"
    changed = http.put(path, json=change, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["cron"], changed.json()["revision"]) == (200, "0 4 * * *", 2)
    assert changed.headers["etag"] == http.get(path).headers["etag"] != tag
    for stale in (tag, f"W/{changed.headers['etag']}", '"x"', "1"):
        answer = http.put(path, json=body, headers={"If-Match": stale})
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed"), stale
    assert http.put(path, json=body, headers={"If-Match": "*"}).status_code == 200
    assert http.put(path, json={**body, "cron": "no"}, headers={"If-Match": "*"}).status_code == 422
    assert http.get(path).json()["revision"] == 3


def test_times_up_to_a_change_are_those_of_before(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body, cron="*/10 * * * *", catch_up="all", overlap="allow")["id"]
    looked_at = datetime.now(UTC) - timedelta(hours=1)
    with transaction(api.factory) as session:
        session.execute(update(ScheduleRow).values(looked_at=looked_at))
    http.put(f"/v1/schedules/{schedule}", json={**body, "cron": "1 1 1 1 *"}, headers={"If-Match": "*"})
    look_now(api, schedule)
    found = [datetime.fromisoformat(due) for due in times(http, schedule)]
    assert len(found) in {6, 7}  # the clock may pass another one meanwhile
    assert {due.minute % 10 for due in found} == {0}


def test_a_pause_is_left_out_and_can_be_made_up_for(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body, cron="0 12 * * *", catch_up="all")["id"]
    paused = post(http, f"/{schedule}:pause", {"reason": "the data moves"}).json()
    assert (paused["paused_because"], paused["next_at"], paused["revision"]) == ("the data moves", None, 2)
    assert post(http, f"/{schedule}:pause", {}).json() == paused
    with transaction(api.factory) as session:
        session.execute(update(ScheduleRow).values(looked_at=datetime.now(UTC) - timedelta(days=3)))
    look_now(api, schedule)
    assert times(http, schedule) == {}
    resumed = post(http, f"/{schedule}:resume").json()
    assert (resumed["paused_at"], resumed["revision"]) == (None, 3)
    assert datetime.fromisoformat(resumed["next_at"]) > datetime.now(UTC)
    assert post(http, f"/{schedule}:resume").status_code == 409
    look_now(api, schedule)
    assert times(http, schedule) == {}


def test_a_trigger_begins_an_audit_whatever_runs(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body)["id"]
    post(http, f"/{schedule}:pause", {})
    first, again = (post(http, f"/{schedule}:trigger", key="the-key") for _ in range(2))
    other = post(http, f"/{schedule}:trigger")
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.headers["location"] == f"/v1/audits/{first.json()['audit']}"
    assert other.json()["audit"] != first.json()["audit"]
    audit = http.get(first.headers["location"]).json()
    assert (audit["state"], audit["origin"]["schedule"]) == ("queued", schedule)
    look_now(api, schedule)
    assert [item["state"] for item in times(http, schedule).values()] == ["started", "started"]


def test_a_trigger_says_what_is_missing(http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body, classifier=None, classifier_name="none yet")["id"]
    answer = post(http, f"/{schedule}:trigger")
    assert (answer.status_code, answer.json()["detail"]) == (422, "No classifier named 'none yet' is ready.")
    assert times(http, schedule) == {}


def test_a_backfill_is_not_swallowed_and_repeats_nothing(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    """The schedule skips overlaps, one of its audits runs, and one time of the range had its audit."""
    schedule = made(http, body, cron="0 12 * * *", zone="UTC")["id"]
    post(http, f"/{schedule}:trigger")
    asked = {"from": "2026-05-01T12:00:00Z", "to": "2026-05-03T12:00:00+00:00"}
    answer = post(http, f"/{schedule}:backfill", asked)
    assert (answer.status_code, answer.json()) == (202, {"schedule": schedule, "waiting": 3, "already": 0})
    assert post(http, f"/{schedule}:backfill", asked).json()["waiting"] == 0
    look_now(api, schedule)
    assert [one["state"] for one in times(http, schedule).values()] == ["started", "waiting", "waiting", "waiting"]
    for _ in range(4):
        with transaction(api.factory) as session:
            ended = {"state": "succeeded", "result_digest": "e" * 64, "finished_at": datetime.now(UTC)}
            session.execute(update(AuditRow).where(AuditRow.state == "queued").values(**ended))
        look_now(api, schedule)
    assert [one["state"] for one in times(http, schedule).values()] == ["succeeded"] * 4
    with transaction(api.factory) as session:
        begun = session.scalars(select(AuditRow.origin).order_by(AuditRow.created_at)).all()
    assert [(one or {})["due_at"][:10] for one in begun[1:]] == ["2026-05-01", "2026-05-02", "2026-05-03"]
    assert post(http, f"/{schedule}:backfill", asked).json() == {"schedule": schedule, "waiting": 0, "already": 3}


def test_a_backfill_makes_up_for_what_was_missed_or_skipped(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body, cron="0 12 * * *", zone="UTC")["id"]
    days = [datetime(2026, 5, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    with transaction(api.factory) as session:
        for due, state in zip(days, ("missed", "skipped", "succeeded"), strict=True):
            facts = {"kind": "cron", "state": state, "starts_at": due, "detail": "then"}
            session.add(OccurrenceRow(schedule_id=schedule, due_at=due, **facts))
    asked = {"from": "2026-05-01T00:00:00Z", "to": "2026-05-04T00:00:00Z", "overlap": "allow"}
    assert post(http, f"/{schedule}:backfill", asked).json()["waiting"] == 2
    look_now(api, schedule)
    assert [one["state"] for one in times(http, schedule).values()] == ["succeeded", "started", "started"]


def test_a_range_that_makes_no_sense_is_refused(http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body)["id"]
    for since, until, found in (
        ("2026-05-01T00:00:00Z", "2126-05-01T00:00:00Z", "future"),
        ("0001-01-01T00:00:00Z", "2026-05-01T00:00:00Z", "body.from"),
        ("2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z", "no time in this range"),
        ("2000-05-01T00:00:00Z", "2026-05-01T00:00:00Z", "more than 1000 times"),
    ):
        answer = post(http, f"/{schedule}:backfill", {"from": since, "to": until})
        assert (answer.status_code, found in answer.json()["detail"]) == (422, True)


def test_occurrences_come_in_pages(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body, cron="0 12 * * *", zone="UTC")["id"]
    post(http, f"/{schedule}:backfill", {"from": "2026-05-01T00:00:00Z", "to": "2026-05-07T23:00:00Z"})
    seen, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = http.get(f"/v1/schedules/{schedule}/occurrences", params=params).json()
        seen += [item["due_at"][8:10] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["07", "06", "05", "04", "03", "02", "01"]


def test_a_deleted_schedule_is_gone_and_its_audits_stay(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body)["id"]
    audit = post(http, f"/{schedule}:trigger").json()["audit"]
    post(http, f"/{schedule}:backfill", {"from": "2026-05-01T00:00:00Z", "to": "2026-05-02T00:00:00Z"})
    assert http.delete(f"/v1/schedules/{schedule}").status_code == 204
    for method, path in (
        ("GET", ""),
        ("GET", "/upcoming"),
        ("GET", "/occurrences"),
        ("DELETE", ""),
        ("POST", ":resume"),
    ):
        assert http.request(method, f"/v1/schedules/{schedule}{path}").status_code == 404
    look_now(api, schedule)
    assert http.get(f"/v1/audits/{audit}").json()["state"] == "queued"
    with transaction(api.factory) as session:
        states = session.scalars(select(OccurrenceRow.state).order_by(OccurrenceRow.due_at)).all()
    assert list(states) == ["skipped", "started"]


def test_schedules_of_another_project_do_not_exist(api: Api, http: httpx.Client, body: dict[str, Any]) -> None:
    schedule = made(http, body)["id"]
    with api.of_project(OTHER).http() as stranger:
        assert stranger.get("/v1/schedules").json()["items"] == []
        assert post(stranger, "", body).status_code == 422
        for path in ("", "/upcoming", "/occurrences"):
            assert stranger.get(f"/v1/schedules/{schedule}{path}").status_code == 404
        for path, sent in ((":pause", {}), (":resume", None), (":trigger", None)):
            assert post(stranger, f"/{schedule}{path}", sent).status_code == 404
        assert stranger.put(f"/v1/schedules/{schedule}", json=body, headers={"If-Match": "*"}).status_code == 404
        assert stranger.delete(f"/v1/schedules/{schedule}").status_code == 404


def test_a_policy_is_pushed_once_and_its_changes_are_numbered(api: Api, http: httpx.Client) -> None:
    document = {"version": 1, "name": "release", "rules": [{"must_ignore": "hue"}]}

    def push(document: dict[str, Any]) -> dict[str, Any]:
        answer = http.post("/v1/policies", json=document, headers={"Idempotency-Key": str(uuid.uuid4())})
        assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/policies/{answer.json()['id']}")
        return dict(answer.json())

    first, again = (
        push(document),
        push({"rules": [{"tap": "logits", "must_ignore": "hue"}], "name": "release", "version": 1}),
    )
    changed = push({**document, "rules": [{"must_ignore": "size"}]})
    other, back = push({**document, "name": "other"}), push(document)
    assert again == first
    assert [one["number"] for one in (first, changed, other, back)] == [1, 2, 1, 3]
    assert http.get(f"/v1/policies/{first['id']}").json() == first
    listed = http.get("/v1/policies", params={"name": "release"}).json()["items"]
    assert [one["number"] for one in listed] == [3, 2, 1]
    with api.of_project(OTHER).http() as stranger:
        assert stranger.get(f"/v1/policies/{first['id']}").status_code == 404


def test_an_audit_names_its_policy_and_a_baseline_that_succeeded(
    api: Api, http: httpx.Client, body: dict[str, Any]
) -> None:
    rules = [{"no_regression_against": "before"}, {"no_regression_against": "last year"}]
    with transaction(api.factory) as session:
        one, two = (
            policies.create(session, Policy.model_validate({"version": 1, "name": f"p{n}", "rules": rules[:n]})).id
            for n in (1, 2)
        )
        queued = add_audit(session, "queued", body["classifier"], body["dataset"])
        done = add_audit(session, "done", body["classifier"], body["dataset"])
        again = add_audit(session, "the same file", body["classifier"], add_dataset(session))
        other = add_audit(session, "other", body["classifier"], add_dataset(session, canonical_digest="cd" * 32))
        ended = update(AuditRow).where(AuditRow.id.in_([done, again, other]))
        session.execute(ended.values(state="succeeded", result_digest="e" * 64))
        session.execute(update(AuditRow).where(AuditRow.id == done).values(gate="fail"))
    subjects = {name: body[name] for name in ("classifier", "dataset")}

    def submit(**asked: str) -> httpx.Response:
        return http.post("/v1/audits", json={**subjects, **asked}, headers={"Idempotency-Key": str(uuid.uuid4())})

    made = submit(policy=one, baseline=done)
    assert (made.status_code, made.json()["policy"], made.json()["baseline"]) == (202, one, done)
    assert (made.json()["gate"], made.json()["origin"]) == (None, None)
    assert submit(policy=one, baseline=again).status_code == 202
    for asked, found in (
        ({"policy": two}, "2 baselines"),
        ({"policy": f"pol_{'0' * 24}"}, "No policy has the id"),
        ({"policy": one, "baseline": queued}, "is queued"),
        ({"policy": one, "baseline": other}, "references are others"),
        ({"policy": one, "baseline": f"aud_{'0' * 24}"}, "No audit has the id"),
    ):
        answer = submit(**asked)
        assert (answer.status_code, found in answer.json()["detail"]) == (422, True), asked
    assert [item["id"] for item in http.get("/v1/audits", params={"gate": "fail"}).json()["items"]] == [done]
    assert http.get("/v1/audits", params={"gate": "pass"}).json()["items"] == []
