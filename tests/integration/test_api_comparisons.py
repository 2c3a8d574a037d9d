"""Comparisons over HTTP: asked for, listed, and read byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine, func, select

from schemas.api_keys import Scope
from services.db.automation import ComparisonRow
from services.db.engine import scoped, transaction
from services.db.tables import JobKind, JobRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.compared_audits import add_ended_audits, end_audit, fail_comparison, succeed_comparison
from tests.builders.comparisons import compared, comparison_pictures, comparison_result
from tests.builders.rows import add_audit, add_dataset

HOSTILE = "<script>alert(1)</script>"
PATH = "/v1/comparisons"


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http() as http:
        yield http


@pytest.fixture
def pair(api: Api) -> list[str]:
    with transaction(api.factory) as session:
        return add_ended_audits(session)


def ask(http: httpx.Client, before: str, after: str, key: str = "k", **more: str) -> httpx.Response:
    return http.post(PATH, json={"before": before, "after": after, **more}, headers={"Idempotency-Key": key})


@pytest.fixture
def comparison(http: httpx.Client, pair: list[str]) -> str:
    return str(ask(http, *pair).json()["id"])


def counted(api: Api) -> tuple[int, int]:
    """Comparisons and their jobs."""
    with transaction(api.factory) as session:
        rows = session.scalar(select(func.count()).select_from(ComparisonRow)) or 0
        jobs = session.scalar(select(func.count()).where(JobRow.kind == JobKind.COMPARISON)) or 0
    return rows, jobs


def test_a_comparison_is_queued_with_its_job(api: Api, http: httpx.Client, pair: list[str]) -> None:
    answer = ask(http, *pair)
    made = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert (made["state"], made["before"], made["after"], made["name"]) == ("queued", *pair, "v1 to v2")
    assert http.get(answer.headers["location"]).json() == made
    with transaction(api.factory) as session:
        (job,) = session.scalars(select(JobRow).where(JobRow.subject_id == made["id"]))
        assert (job.kind, job.state) == ("comparison", "queued")


def test_only_the_key_makes_two_requests_one(api: Api, http: httpx.Client, pair: list[str]) -> None:
    first, again, other = ask(http, *pair), ask(http, *pair), ask(http, *pair, key="another")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["id"] != first.json()["id"]
    assert counted(api) == (2, 2)
    swapped = ask(http, *reversed(pair))
    assert (swapped.status_code, swapped.json()["code"]) == (422, "idempotency-key-reused")


def test_long_names_of_audits_still_make_a_name(api: Api, http: httpx.Client, pair: list[str]) -> None:
    with transaction(api.factory) as session:
        references = add_dataset(session)
        audits = [add_audit(session, "n" * 200, dataset=references) for _ in range(2)]
        for audit in audits:
            end_audit(session, audit)
    assert len(ask(http, *audits).json()["name"]) == 200
    assert ask(http, *pair, key="named", name="mine").json()["name"] == "mine"


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json()["advice"]
    return answer.status_code, answer.json()["code"]


def test_what_cannot_be_compared_is_refused_with_advice(api: Api, http: httpx.Client, pair: list[str]) -> None:
    with transaction(api.factory) as session:
        waiting = add_audit(session)
        failed, cancelled = (add_ended_audits(session, state, 1)[0] for state in ("failed", "cancelled"))
        elsewhere = add_audit(session, dataset=add_dataset(session, canonical_digest="f" * 64))
        end_audit(session, elsewhere)
    before = pair[0]
    incomparable = (422, "audits-not-comparable")
    assert refused(ask(http, before, before)) == incomparable
    assert refused(ask(http, before, failed)) == incomparable
    assert refused(ask(http, cancelled, before)) == incomparable
    assert refused(ask(http, before, elsewhere)) == incomparable
    assert refused(ask(http, before, waiting)) == (409, "invalid-request")
    assert refused(ask(http, "aud_" + "0" * 24, before)) == (422, "invalid-request")
    assert counted(api) == (0, 0)


def test_the_same_bytes_uploaded_twice_are_the_same_references(api: Api, http: httpx.Client, pair: list[str]) -> None:
    with transaction(api.factory) as session:
        copy = add_audit(session, dataset=add_dataset(session))
        end_audit(session, copy)
    assert ask(http, pair[0], copy).status_code == 202


def test_datasets_without_facts_are_not_taken_for_the_same(api: Api, http: httpx.Client) -> None:
    with transaction(api.factory) as session:
        unread = [add_audit(session, dataset=add_dataset(session, state="rejected")) for _ in range(2)]
        for audit in unread:
            end_audit(session, audit)
    assert refused(ask(http, *unread)) == (422, "audits-not-comparable")


def test_lists_are_filtered_by_either_side_and_paged(api: Api, http: httpx.Client) -> None:
    with transaction(api.factory) as session:
        first, second, third = add_ended_audits(session, count=3)
    made = [ask(http, *ends, key=str(at)).json()["id"]
            for at, ends in enumerate([(first, second), (second, third), (first, third)])]  # fmt: skip
    assert [one["id"] for one in http.get(PATH).json()["items"]] == made[::-1]
    assert [one["id"] for one in http.get(PATH, params={"audit": second}).json()["items"]] == [made[1], made[0]]
    page = http.get(PATH, params={"limit": 2}).json()
    rest = http.get(PATH, params={"limit": 2, "cursor": page["next"]}).json()
    assert [one["id"] for one in page["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None


def test_nothing_changed_is_answered_with_304(api: Api, http: httpx.Client, comparison: str) -> None:
    answer = http.get(f"{PATH}/{comparison}")
    known = {"If-None-Match": answer.headers["etag"]}
    assert http.get(f"{PATH}/{comparison}", headers=known).status_code == 304
    succeed_comparison(api, comparison, comparison_result())
    assert http.get(f"{PATH}/{comparison}", headers=known).json()["state"] == "succeeded"


def test_before_the_end_of_a_comparison_there_is_no_report(api: Api, http: httpx.Client, comparison: str) -> None:
    for part in ("result", "report"):
        answer = http.get(f"{PATH}/{comparison}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "report-not-ready")
    fail_comparison(api, comparison, "An audit is too old.", "Audit again.")
    ended = http.get(f"{PATH}/{comparison}/report")
    assert "has no report" in ended.json()["advice"]
    assert http.get(f"{PATH}/{comparison}").json()["problem"]["advice"] == "Audit again."


def test_the_result_of_a_comparison_is_served_byte_for_byte(api: Api, http: httpx.Client, comparison: str) -> None:
    wanted = comparison_result()
    succeed_comparison(api, comparison, wanted)
    answer = http.get(f"{PATH}/{comparison}/result")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == wanted.model_dump_json().encode()
    again = http.get(f"{PATH}/{comparison}/result", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("illustrated", [True, False])
def test_the_report_of_a_comparison_can_do_nothing(
    api: Api, http: httpx.Client, comparison: str, illustrated: bool
) -> None:
    pictures = comparison_pictures(rows=1) if illustrated else None
    succeed_comparison(api, comparison, comparison_result(before=compared(HOSTILE, 1)), pictures)
    answer = http.get(f"{PATH}/{comparison}/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"] == f'inline; filename="scotoma-{comparison}.html"'
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert ("<img" in answer.text.partition("<main")[2]) == illustrated
    again = http.get(f"{PATH}/{comparison}/report", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_whoever_reads_a_comparison_is_on_the_trail(api: Api, http: httpx.Client, comparison: str) -> None:
    succeed_comparison(api, comparison, comparison_result())
    http.get(f"{PATH}/{comparison}/report")
    http.get(f"{PATH}/{comparison}/manifest").raise_for_status()
    with api.http(Scope.ADMIN) as admin:
        deeds = [(one["action"], one["subject"]) for one in admin.get("/v1/trail").json()["items"]]
    assert ("comparisons.download", f"{comparison}/report") in deeds
    assert ("comparisons.download", f"{comparison}/manifest") in deeds
    assert ("comparisons.create", comparison) in deeds


def test_a_comparison_that_does_not_exist(http: httpx.Client) -> None:
    for part in ("", "/result", "/report"):
        answer = http.get(f"{PATH}/cmp_{'0' * 24}{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_another_project_has_comparisons_of_its_own(api: Api, http: httpx.Client, pair: list[str]) -> None:
    other = api.of_project("other")
    with scoped(other.factory, other.project) as session:
        theirs = add_ended_audits(session)
    with other.http() as stranger:
        made = ask(stranger, *theirs).json()["id"]
        succeed_comparison(other, made, comparison_result(), comparison_pictures(rows=1))
        assert stranger.get(f"{PATH}/{made}/report").status_code == 200
        assert ask(stranger, pair[0], theirs[1], key="mixed").status_code == 422
    for part in ("", "/result", "/report"):
        assert http.get(f"{PATH}/{made}{part}").status_code == 404
    assert http.get(PATH).json()["items"] == []
    assert refused(ask(http, pair[0], theirs[1])) == (422, "invalid-request")
    assert refused(ask(http, theirs[0], pair[1])) == (422, "invalid-request")
