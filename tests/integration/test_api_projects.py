"""Projects: who manages them, what they may use, whose keys are whose, and what is remembered of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, func, select, text, update

from schemas.api_keys import Scope
from schemas.projects import DEFAULT_PROJECT, ProjectCreate
from services.db.automation import ComparisonRow
from services.db.engine import scoped, transaction
from services.db.tables import AuditRow, JobRow, UploadRow
from services.db.trust import TrailRow
from services.dispatch.journal import count_gpu
from services.projects.quotas import MOST_INTAKES
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread, artifact_row
from tests.builders.results import result
from tests.builders.rows import DIGEST, add_audit, add_classifier, add_dataset

UPLOAD = {"filename": "a", "bytes": 100}


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


def subjects(team: Api) -> dict[str, str]:
    """Body of an audit that can be queued."""
    with scoped(team.factory, team.project) as session:
        return {"classifier": add_classifier(session), "dataset": add_dataset(session)}


def submit(http: httpx.Client, body: dict[str, str]) -> httpx.Response:
    return http.post("/v1/audits", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


def refused(answer: httpx.Response) -> dict[str, Any]:
    """The problem of an answer that says that a limit is reached."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "quota-exceeded")
    assert int(answer.headers["retry-after"]) > 0
    assert problem["advice"]
    return problem


def test_operators_manage_projects(api: Api) -> None:
    with api.http(Scope.ADMIN) as http:
        made = http.post("/v1/projects", json={"name": "vision", "max_bytes": 5})
        assert made.status_code == 201
        project = made.json()
        assert made.headers["location"] == f"/v1/projects/{project['id']}"
        assert http.post("/v1/projects", json={"name": "vision"}).status_code == 409
        changed = http.patch(
            f"/v1/projects/{project['id']}", json={"max_audits_in_flight": 2, "max_bytes": None}
        ).json()
        assert (changed["max_audits_in_flight"], changed["max_bytes"]) == (2, None)
        kept = http.patch(f"/v1/projects/{project['id']}", json={"retention_days": 7}).json()
        assert (kept["max_audits_in_flight"], kept["retention_days"]) == (2, 7)
        assert [item["name"] for item in http.get("/v1/projects").json()["items"]] == ["vision", "default"]
        assert http.get(f"/v1/projects/{project['id']}").json() == kept
        assert http.get(f"/v1/projects/prj_{'9' * 24}/usage").status_code == 404


@pytest.mark.parametrize("name", ["", "Vision", "a_b", "-a", "a-", "prj_000000000000000000000000", "a" * 64])
def test_a_name_of_a_project_is_no_id_and_no_surprise(name: str) -> None:
    with pytest.raises(ValidationError):
        ProjectCreate(name=name)


def test_an_administrator_of_a_project_manages_its_keys_and_nothing_else(api: Api) -> None:
    team = api.of_project("vision")
    with team.http(Scope.ADMIN) as http:
        assert [item["id"] for item in http.get("/v1/projects").json()["items"]] == [team.project]
        assert http.post("/v1/projects", json={"name": "other"}).status_code == 403
        assert http.patch(f"/v1/projects/{team.project}", json={"max_bytes": None}).status_code == 403
        assert http.patch(f"/v1/projects/{DEFAULT_PROJECT}", json={"max_bytes": None}).status_code == 404
        for foreign in (DEFAULT_PROJECT, "default"):
            body = {"name": "x", "scope": "admin", "project": foreign}
            assert http.post("/v1/api-keys", json=body).status_code == 404
            assert http.get("/v1/api-keys", params={"project": foreign}).status_code == 404
        made = http.post("/v1/api-keys", json={"name": "ci", "project": "vision"}).json()
        assert made["project"] == team.project
        assert {item["project"] for item in http.get("/v1/api-keys").json()["items"]} == {team.project}


def test_operators_give_a_project_its_first_key_and_take_it_back(api: Api) -> None:
    team = api.of_project("vision")
    with api.http(Scope.ADMIN) as http:
        made = http.post("/v1/api-keys", json={"name": "first", "scope": "admin", "project": "vision"}).json()
        header = {"Authorization": f"Bearer {made['secret']}"}
        with api.http(None, **header) as theirs:
            assert theirs.get("/v1/projects").json()["items"][0]["id"] == team.project
            assert http.delete(f"/v1/api-keys/{made['id']}").status_code == 204
            assert theirs.get("/v1/projects").status_code == 401
        assert made["id"] not in [item["id"] for item in http.get("/v1/api-keys").json()["items"]]
        listed = http.get("/v1/api-keys", params={"project": team.project}).json()["items"]
        assert made["id"] in [item["id"] for item in listed]
    for side in (team, api):
        with side.http(Scope.AUDITOR) as http:
            deeds = http.get("/v1/trail", params={"subject": made["id"]}).json()["items"]
            assert [deed["action"] for deed in deeds] == ["api-keys.revoke", "api-keys.create"]


def test_a_team_sees_what_an_operator_did_to_its_limits(api: Api) -> None:
    team = api.of_project("vision")
    with api.http(Scope.ADMIN) as http:
        http.patch(f"/v1/projects/{team.project}", json={"max_bytes": 5}).raise_for_status()
    for side in (team, api):
        with side.http(Scope.AUDITOR) as http:
            deeds = http.get("/v1/trail", params={"subject": team.project}).json()["items"]
            assert [deed["action"] for deed in deeds] == ["projects.change"]


def test_no_more_audits_in_flight_than_allowed(api: Api) -> None:
    team = api.of_project("vision", max_audits_in_flight=2)
    body = subjects(team)
    with team.http() as http:
        first = submit(http, body).json()["id"]
        assert submit(http, body).status_code == 202
        assert "2 of at most 2" in refused(submit(http, body))["detail"]
        assert http.post(f"/v1/audits/{first}:cancel").status_code == 202
        assert submit(http, body).status_code == 202
    with api.http() as http:
        assert submit(http, subjects(api)).status_code == 202


def test_comparisons_count_as_audits(api: Api) -> None:
    team = api.of_project("vision", max_audits_in_flight=2)
    body = subjects(team)
    with scoped(team.factory, team.project) as session:
        both = [add_audit(session, dataset=body["dataset"]) for _ in range(2)]
        session.execute(update(AuditRow).values(state="succeeded", result_digest=DIGEST))
    pair = {"before": both[0], "after": both[1]}

    def compare(http: httpx.Client) -> httpx.Response:
        return http.post("/v1/comparisons", json=pair, headers={"Idempotency-Key": str(uuid.uuid4())})

    with team.http() as http:
        assert [compare(http).status_code for _ in range(2)] == [202, 202]
        for answer in (compare(http), submit(http, body)):
            assert "2 of at most 2" in refused(answer)["detail"]
        assert http.get(f"/v1/projects/{team.project}/usage").json()["audits_in_flight"] == 2
        with scoped(team.factory, team.project) as session:
            session.execute(update(ComparisonRow).values(state="failed", gpu_seconds=7.5, started_at=func.now()))
        assert compare(http).status_code == 202
        assert http.get(f"/v1/projects/{team.project}/usage").json()["gpu_seconds"] == 15.0


def test_gpu_time_of_a_stage_is_its_comparisons(api: Api) -> None:
    with scoped(api.factory, DEFAULT_PROJECT) as session:
        both = [add_audit(session) for _ in range(2)]
        session.add_all(ComparisonRow(id=name, name=name, before_id=both[0], after_id=both[1]) for name in "xy")
        session.flush()
        count_gpu(session, "x", 2.5)
        count_gpu(session, "x", 1.0)
        count_gpu(session, both[0], 4.0)
    with scoped(api.factory, DEFAULT_PROJECT) as session:
        rows = {row.id: row.gpu_seconds for row in session.scalars(select(ComparisonRow))}
        assert (rows, session.get_one(AuditRow, both[0]).gpu_seconds) == ({"x": 3.5, "y": 0.0}, 4.0)


def test_files_that_wait_to_be_read_have_a_limit(api: Api) -> None:
    team, other = api.of_project("vision"), api.of_project("sound")
    with scoped(team.factory, team.project) as session:
        for _ in range(MOST_INTAKES - 1):
            add_dataset(session, state="pending")

    def register(side: Api) -> httpx.Response:
        with side.http() as http:
            upload = http.post("/v1/uploads", json={"filename": "f", "bytes": 3}).json()["id"]
            http.put(f"/v1/uploads/{upload}/content", content=b"abc")
            body, key = {"name": "m", "upload": upload}, {"Idempotency-Key": str(uuid.uuid4())}
            return http.post("/v1/classifiers", json=body, headers=key)

    assert register(team).status_code == 202
    assert f"{MOST_INTAKES} of at most {MOST_INTAKES} files" in refused(register(team))["detail"]
    assert register(other).status_code == 202
    with scoped(team.factory, team.project) as session:
        session.execute(update(JobRow).values(state="done"))
    assert register(team).status_code == 202


def test_audits_that_are_sent_at_once_do_not_slip_through(api: Api) -> None:
    team = api.of_project("vision", max_audits_in_flight=3)
    body = subjects(team)
    with team.http() as http, ThreadPoolExecutor(12) as threads:
        codes = list(threads.map(lambda _: submit(http, body).status_code, range(12)))
    assert sorted(codes) == [202] * 3 + [429] * 9
    with scoped(team.factory, team.project) as session:
        assert session.scalar(select(func.count()).select_from(AuditRow)) == 3


def test_gpu_time_counts_for_thirty_days(api: Api) -> None:
    team = api.of_project("vision", max_gpu_seconds=100)
    body = subjects(team)
    with scoped(team.factory, team.project) as session:
        audit = add_audit(session)
        session.execute(update(AuditRow).values(gpu_seconds=100.5, started_at=func.now()))
    with team.http() as http:
        assert "of its 100 GPU seconds" in refused(submit(http, body))["detail"]
        assert http.get(f"/v1/projects/{team.project}/usage").json()["gpu_seconds"] == 100.5
        with scoped(team.factory, team.project) as session:
            long_ago = datetime.now(UTC) - timedelta(days=31)
            session.execute(update(AuditRow).where(AuditRow.id == audit).values(started_at=long_ago))
        assert submit(http, body).status_code == 202


def test_bytes_count_uploads_that_may_still_come_and_artifacts(api: Api) -> None:
    team = api.of_project("vision", max_bytes=250)
    with team.http() as http, ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: http.post("/v1/uploads", json=UPLOAD), range(6)))
        assert sorted(answer.status_code for answer in answers) == [201] * 2 + [429] * 4
        refused(next(answer for answer in answers if answer.status_code == 429))
        kept, dropped = (answer.json()["id"] for answer in answers if answer.status_code == 201)
        http.delete(f"/v1/uploads/{dropped}")
        with scoped(team.factory, team.project) as session:
            session.add(artifact_row(add_audit(session), "result", DIGEST, 149, "application/json"))
            session.execute(update(UploadRow).where(UploadRow.id.not_in([kept, dropped])).values(state="aborted"))
        usage = http.get(f"/v1/projects/{team.project}/usage").json()
        assert (usage["upload_bytes"], usage["artifact_bytes"]) == (100, 149)
        assert usage["limits"]["max_bytes"] == 250
        refused(http.post("/v1/uploads", json=UPLOAD))
        assert http.post("/v1/uploads", json={"filename": "a", "bytes": 1}).status_code == 201
        with scoped(team.factory, team.project) as session:
            session.execute(update(UploadRow).values(expires_at=func.now() - timedelta(seconds=1)))
        assert http.get(f"/v1/projects/{team.project}/usage").json()["upload_bytes"] == 0


def test_a_refused_audit_leaves_its_idempotency_key_free(api: Api) -> None:
    team = api.of_project("vision", max_audits_in_flight=0)
    body, key = subjects(team), {"Idempotency-Key": "once"}
    with team.http() as http:
        refused(http.post("/v1/audits", json=body, headers=key))
        with api.http(Scope.ADMIN) as operator:
            operator.patch(f"/v1/projects/{team.project}", json={"max_audits_in_flight": 1})
        assert http.post("/v1/audits", json=body, headers=key).status_code == 202
        assert http.post("/v1/audits", json=body, headers=key).headers["idempotency-replayed"] == "true"


def test_the_trail_names_deed_principal_and_request(api: Api) -> None:
    team = api.of_project("vision")
    with team.http() as http:
        upload = http.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
        http.put(f"/v1/uploads/{upload}/content", content=b"abc")
        audit = submit(http, subjects(team)).json()["id"]
        submit(http, {"classifier": f"clf_{'0' * 24}", "dataset": f"dat_{'0' * 24}"})
        team.run(audit)
        team.succeed(audit, result())
    with team.http(Scope.VIEWER) as http:
        report = http.get(f"/v1/audits/{audit}/report", headers={"X-Request-Id": "report-request"})
        again = http.get(f"/v1/audits/{audit}/report", headers={"If-None-Match": report.headers["etag"]})
        assert (report.status_code, again.status_code) == (200, 304)
        http.get(f"/v1/audits/{audit}")
        assert http.get("/v1/trail").status_code == 403
    with team.http(Scope.AUDITOR) as http:
        items = http.get("/v1/trail").json()["items"]
        assert [(item["action"], item["subject"]) for item in items] == [
            ("audits.download", f"{audit}/report"),
            ("audits.create", audit),
            ("uploads.complete", upload),
            ("uploads.create", upload),
        ]
        assert items[0]["request"] == "report-request"
        assert items[1]["principal"] == items[2]["principal"] != items[0]["principal"]
        pages = []
        cursor: str | None = None
        while not pages or cursor:
            page = http.get("/v1/trail", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
            pages += page["items"]
            cursor = page["next"]
        assert pages == items
        by = http.get("/v1/trail", params={"principal": items[0]["principal"]}).json()["items"]
        assert by == items[:1]
        late = http.get("/v1/trail", params={"since": items[1]["at"]}).json()["items"]
        assert late == items[:2]
        assert http.get("/v1/trail", params={"cursor": "bm8"}).status_code == 422
        assert http.get("/v1/trail", params={"since": "2026-01-01T00:00:00"}).status_code == 422


def test_a_deed_that_fails_is_not_in_the_trail(api: Api) -> None:
    with api.http(Scope.ADMIN) as http:
        http.post("/v1/projects", json={"name": "vision"})
        http.post("/v1/projects", json={"name": "vision"})
        http.delete(f"/v1/api-keys/key_{'0' * 24}")
    with transaction(api.factory) as session:
        rows = list(session.scalars(select(TrailRow)))
    assert [row.action for row in rows] == ["projects.create"]


def test_secrets_are_neither_in_the_trail_nor_in_the_remembered_answers(api: Api) -> None:
    with api.http(Scope.ADMIN) as http:
        made = http.post("/v1/api-keys", json={"name": "ci"}, headers={"Idempotency-Key": "k"}).json()
    with transaction(api.factory) as session:
        for table in ("trail", "idempotency_keys", "api_keys"):
            rows = session.scalars(text(f"SELECT to_jsonb(kept) FROM {table} AS kept")).all()
            assert made["secret"] not in json.dumps(rows)
