"""What the pages say and do: the list and its filters, one audit, forms, and what happens when something is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine, select

from schemas.api_keys import Scope
from schemas.policies import Outcome, PolicyReport
from schemas.schedules import ScheduleCreate
from services.api.web import listing
from services.db.automation import ComparisonRow, OccurrenceRow, PolicyRow, ScheduleRow
from services.db.engine import transaction
from services.db.identifiers import new_id
from services.db.tables import AuditRow, ClassifierRow
from services.schedules import service as schedules
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders import comparisons as compared
from tests.builders import results
from tests.builders.api_server import Api, api_in_thread
from tests.builders.browsing import Browsing, browsing, found
from tests.builders.compared_audits import succeed_comparison
from tests.builders.pages import page_text
from tests.builders.rows import add_audit, add_dataset
from tests.builders.web_pages import finish, populate

LINE = re.compile(r'<tr><th scope="row"><a href="/audits/(aud_\w+)">')


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def web(api: Api) -> Iterator[Browsing]:
    with browsing(api) as web:
        yield web


def shown(web: Browsing, query: str = "") -> list[str]:
    return LINE.findall(web.get(f"/{query}").text)


def row_of(text: str, audit: str) -> str:
    return page_text(text.partition(f"/audits/{audit}")[2].partition("</tr>")[0])


class TestList:
    def test_an_empty_project_is_told_how_to_begin(self, api: Api, web: Browsing) -> None:
        text = page_text(web.get("/").text)
        assert f"SCOTOMA_URL={api.url}" in text
        assert "scotoma audit run model.onnx images.npz" in text
        assert "No classifier" not in text
        assert "There is no classifier to audit yet" in page_text(web.get("/audits/new").text)

    def test_newest_first_with_state_verdicts_gate_and_progress(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        text = web.get("/").text
        assert LINE.findall(text)[0] == made.queued
        done = row_of(text, made.done[0])
        assert "done" in done
        assert "2 ignored" in done
        assert "2 used" in done
        assert "1 encoded, unused" in done
        assert "gate passed" in done
        running = row_of(text, made.running)
        assert "running" in running
        assert "57 %" in running
        assert 'value="0.572"' in text
        assert "not yet" in running
        assert "failed" in row_of(text, made.failed)

    def test_a_policy_that_was_not_checked_is_not_said_to_be_absent(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        with transaction(api.factory) as session:
            policy = PolicyRow(id=new_id("pol"), name="release", version=1, document={}, digest="d")
            session.add(policy)
            session.flush()
            for audit in (made.running, made.failed):
                session.get_one(AuditRow, audit).policy_id = policy.id
        text = web.get("/").text
        assert row_of(text, made.running).count("not yet") == 2
        assert "not checked" in row_of(text, made.failed)
        assert "no policy" in row_of(text, made.queued)

    def test_each_filter_leaves_what_it_says(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        assert shown(web, "?state=failed") == [made.failed]
        assert shown(web, "?gate=fail") == [made.done[2]]
        assert set(shown(web, "?classifier=lesions-v3")) == {made.done[2], made.running}
        assert set(shown(web, "?text=NIGHTLY&state=running")) == {made.running}
        assert shown(web, f"?text={made.cancelled}") == [made.cancelled]
        assert shown(web, "?text=100%25") == []
        assert shown(web, "?dataset=nothing") == []
        assert "Nothing matches" in web.get("/?dataset=nothing").text
        assert len(shown(web, "?state=nonsense")) == 9

    def test_pages_hold_every_audit_once_and_keep_the_filter(
        self, api: Api, web: Browsing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listing, "PAGE", 2)
        with transaction(api.factory) as session:
            dataset = add_dataset(session)
            made = [add_audit(session, f"v{number} a&b", dataset=dataset) for number in range(5)]
        seen, path = [], "/?text=a%26b&state=queued"
        while True:
            text = web.get(path).text
            seen += LINE.findall(text)
            if 'rel="next"' not in text:
                break
            path = found(re.compile(r'rel="next" href="([^"]+)"'), text)
            assert path.startswith("/?text=a%26b&state=queued&cursor=")
        assert sorted(seen) == sorted(made)

    def test_a_result_that_cannot_be_read_hides_no_other_audit(self, api: Api, web: Browsing) -> None:
        with transaction(api.factory) as session:
            audits = [add_audit(session, name) for name in ("one", "two")]
        for audit in audits:
            api.run(audit)
        finish(api, audits[0])
        with transaction(api.factory) as session:
            row = session.get_one(AuditRow, audits[1])
            row.state, row.result_digest, row.finished_at = "succeeded", "0" * 64, datetime.now(UTC)
        text = web.get("/").text
        assert "cannot be read" in row_of(text, audits[1])
        assert "1 ignored" in row_of(text, audits[0])
        answer = web.client.get(f"/audits/{audits[1]}")
        assert answer.status_code == 404
        assert "gone from the bucket" in answer.text

    def test_counts_are_read_from_the_storage_once(
        self, api: Api, web: Browsing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        populate(api)
        read: list[str] = []
        get = S3BlobStore.get
        monkeypatch.setattr(S3BlobStore, "get", lambda self, digest: read.append(digest) or get(self, digest))
        web.get("/")
        web.get("/")
        assert len(read) == len(set(read)) == 5


class TestAudit:
    def test_stages_problems_numbers_and_files(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        running = page_text(web.get(f"/audits/{made.running}").text)
        assert "running, stage inn:logits" in running
        assert "epoch 3 of 7, loss 1.21" in running
        assert "done before" in running
        failed = page_text(web.get(f"/audits/{made.failed}").text)
        assert "ran out of memory" in failed
        assert "What to do: Use fewer taps or images." in failed
        self.finished(web, made.done[4])

    def finished(self, web: Browsing, audit: str) -> None:
        text = web.get(f"/audits/{audit}").text
        hue = page_text(text.partition("hue</bdi></th>")[2].partition("</tr>")[0])
        assert "ignored" in hue
        assert "0.3 %" in hue
        assert "2.0 %" in hue
        assert "1 check of the audit itself failed" in page_text(text)
        assert "What demo-robust ignores" in page_text(web.get(f"/audits/{audit}/report").text)
        assert web.get(f"/audits/{audit}/result.json").json()["schema_version"] == "1"
        assert "manifest.json" not in text
        assert "not signed, for this installation has no key" in web.get(f"/audits/{audit}").text
        assert web.client.get(f"/audits/{audit}/manifest.json").status_code == 200

    def test_it_is_cancelled(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        assert web.post(f"/audits/{made.queued}/cancel").headers["location"] == f"/audits/{made.queued}?done=cancelled"
        assert "cancelled" in page_text(web.get(f"/audits/{made.queued}").text)
        again = web.post(f"/audits/{made.failed}/cancel")
        assert again.status_code == 409
        assert f"The audit {made.failed} has failed." in page_text(again.text)


class TestForms:
    def test_an_audit_is_started(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        classifier = made.classifiers["digits-robust"]
        fields = {"classifier": classifier, "dataset": made.dataset, "profile": "standard", "name": "by hand"}
        place = web.post("/audits/new", fields).headers["location"].partition("?")[0]
        with transaction(api.factory) as session:
            row = session.get_one(AuditRow, place.rpartition("/")[2])
            assert (row.name, row.classifier_id, row.config["profile"]) == ("by hand", classifier, "standard")

    def test_what_is_wrong_is_said_and_what_was_chosen_stays(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        answer = web.post("/audits/new", {"classifier": made.classifiers["lesions-v1"], "dataset": "x", "name": "n"})
        assert answer.status_code == 422
        assert "Not valid: dataset." in page_text(answer.text)
        assert f'value="{made.classifiers["lesions-v1"]}" selected' in answer.text
        assert 'value="n"' in answer.text

    def test_two_audits_are_compared(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        assert f'<option value="{made.done[0]}">' in web.get(f"/audits/{made.done[1]}").text
        answer = web.post("/comparisons", {"before": made.done[0], "after": made.done[1]})
        comparison = answer.headers["location"].partition("?")[0].rpartition("/")[2]
        assert "waiting" in page_text(web.get(f"/comparisons/{comparison}").text)
        with transaction(api.factory) as session:
            row = session.get_one(ComparisonRow, comparison)
            assert (row.before_id, row.after_id) == (made.done[0], made.done[1])
        succeed_comparison(api, comparison, compared.comparison_result())
        text = page_text(web.get(f"/comparisons/{comparison}").text)
        assert "ignored before, used now" in text
        assert "Open the report" in text
        assert web.get(f"/comparisons/{comparison}/report").status_code == 200
        assert "lesions-v1 nightly before, lesions-v2 nightly after" in page_text(web.get("/comparisons").text)
        assert web.post("/comparisons", {"after": made.done[1]}).status_code == 422

    def test_a_key_is_made_shown_once_and_revoked(self, api: Api) -> None:
        with browsing(api, scope=Scope.ADMIN) as web:
            answer = web.post("/keys", {"name": "ci", "scope": "viewer", "days": "3"})
            secret = found(re.compile(r'readonly value="(scot_[^"]+)"'), answer.text)
            assert answer.headers["cache-control"] == "no-store"
            listed = web.get("/keys").text
            assert secret not in listed
            row = next(row for row in listed.split("<tr>") if ">ci</bdi>" in row)
            key = found(re.compile(r"/keys/(key_\w+)/revoke"), row)
            with browsing(api, secret) as other:
                assert other.client.get("/").status_code == 200
                assert web.post(f"/keys/{key}/revoke").headers["location"] == "/keys?done=revoked"
                assert other.client.get("/").status_code == 303
            assert "revoked" in page_text(web.get("/keys").text)

    def test_a_key_that_cannot_be_is_not_made(self, api: Api) -> None:
        with browsing(api, scope=Scope.ADMIN) as web:
            answer = web.post("/keys", {"name": "", "scope": "viewer", "days": "0"})
            assert answer.status_code == 422
            assert 'id="name-error"' in answer.text
            assert 'id="days-error"' in answer.text


class TestSchedules:
    def schedule(self, api: Api, dataset: str, classifier: str) -> str:
        body = ScheduleCreate(
            name="every night", cron="30 2 * * *", zone="Europe/Berlin", dataset=dataset, classifier=classifier
        )
        with transaction(api.factory) as session:
            return schedules.create(session, body).id

    def test_times_outcomes_and_buttons(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        schedule = self.schedule(api, made.dataset, made.classifiers["lesions-v1"])
        due = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        values = {"schedule_id": schedule, "due_at": due, "starts_at": due, "kind": "cron"}
        with transaction(api.factory) as session:
            session.add(OccurrenceRow(**values, state="succeeded", audit_id=made.done[0]))
        listed = web.get("/schedules").text
        assert f'/audits/{made.done[0]}"' in listed
        text = page_text(web.get(f"/schedules/{schedule}").text)
        assert len(re.findall(r"day, \d+ \w+ \d{4}, 02:30", text)) == 5
        assert web.post(f"/schedules/{schedule}/pause").headers["location"].endswith("?done=paused")
        assert "paused" in page_text(web.get("/schedules").text)
        again = web.post(f"/schedules/{schedule}/resume")
        assert again.status_code == 303
        assert web.post(f"/schedules/{schedule}/resume").status_code == 409
        with transaction(api.factory) as session:
            assert session.get_one(ScheduleRow, schedule).paused_at is None

    def test_audit_now_begins_one_however_often_it_is_clicked(self, api: Api, web: Browsing) -> None:
        made = populate(api)
        schedule = self.schedule(api, made.dataset, made.classifiers["lesions-v1"])
        for _ in range(2):
            assert web.post(f"/schedules/{schedule}/trigger", {"once": "o1"}).status_code == 303
        with transaction(api.factory) as session:
            kinds = session.scalars(select(OccurrenceRow.kind)).all()
        assert list(kinds) == ["trigger"]


class TestAddresses:
    def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(self, api: Api) -> None:
        with httpx.Client(base_url=api.url, verify=False, timeout=30) as client:
            page = client.get("/nothing", headers={"Accept": "text/html,*/*"})
            assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
            assert "Nothing is at this address" in page.text
            problem = client.get("/nothing", headers={"Accept": "application/json"})
            assert problem.headers["content-type"] == "application/problem+json"

    def test_ids_that_are_none_are_not_found(self, web: Browsing) -> None:
        for path in ("/audits/x", "/audits/aud_" + "0" * 24, "/comparisons/1", "/schedules/cmp_" + "0" * 24):
            answer = web.client.get(path)
            assert answer.status_code == 404
            assert "<h1>Not found</h1>" in answer.text

    def test_a_cursor_from_elsewhere_is_said_to_be(self, web: Browsing) -> None:
        answer = web.client.get("/?cursor=zzz")
        assert answer.status_code == 422
        assert "Start again without a cursor." in answer.text

    def test_a_bug_is_an_id_and_no_trace(self, web: Browsing, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(listing, "page_of", broken)
        answer = web.client.get("/")
        assert answer.status_code == 500
        assert "secret detail" not in answer.text
        assert answer.headers["x-request-id"] in answer.text

    def test_the_reference_names_every_route_and_loads_nothing_from_elsewhere(self, api: Api) -> None:
        with httpx.Client(base_url=api.url, verify=False, timeout=30) as client:
            page = client.get("/docs").text
            document = client.get("/openapi.json").json()
        for path, item in document["paths"].items():
            for method in item:
                assert f"<code>{method.upper()} {path}</code>" in page
        assert all(f'id="schema-{name}"' in page for name in document["components"]["schemas"])
        assert not re.findall(r'(?:src|href)="(?!/|#)', page)
        anchors = set(re.findall(r'href="#([^"]+)"', page))
        assert anchors <= set(re.findall(r'id="([^"]+)"', page))

    def test_names_of_people_are_text(self, api: Api, web: Browsing) -> None:
        evil = '"><script>alert(1)</script>'
        made = populate(api)
        with transaction(api.factory) as session:
            session.get_one(ClassifierRow, made.classifiers["lesions-v1"]).name = evil
            session.get_one(AuditRow, made.done[0]).name = evil
        for path in ("/", f"/audits/{made.done[0]}", "/audits/new", f"/?text={evil}", f"/audits/{made.done[1]}"):
            text = web.get(path).text
            assert "<script>alert" not in text
            assert "alert(1)" in text


def test_a_policys_rules_are_shown_with_what_came_of_them(api: Api) -> None:
    with transaction(api.factory) as session:
        audit = add_audit(session, "gated")
    api.run(audit)
    rule = {"must_ignore": "hue"}
    report = PolicyReport.model_validate(
        {
            "policy": "release",
            "outcome": Outcome.FAIL,
            "audit": audit,
            "classifier": "m",
            "classifier_digest": "a" * 64,
            "dataset": "d",
            "rules": [{"rule": rule, "sentence": "hue must be ignored", "outcome": Outcome.FAIL, "why": "it is used"}],
        }
    )
    api.succeed(audit, results.result(policies=[report]))
    with browsing(api) as web:
        text = page_text(web.get(f"/audits/{audit}").text)
    assert "Policy release" in text
    rule = text.partition("hue must be ignored")[2].partition("Files")[0]
    assert "failed" in rule
    assert "it is used" in rule
