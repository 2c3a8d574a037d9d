"""Who gets into the web page, how far, and for how long; and what another site or another team cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import Engine, func, select, update

from schemas.api_keys import Scope
from schemas.schedules import ScheduleCreate
from services.api.web import site
from services.api.web.throttle import PER_ADDRESS
from services.db.automation import ComparisonRow
from services.db.engine import transaction
from services.db.identifiers import new_id
from services.db.tables import ApiKeyRow
from services.db.trust import TrailRow, WebSessionRow
from services.schedules import service as schedules
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.browsing import ONCE, Browsing, browsing, found, other_project
from tests.builders.web_pages import Populated, populate

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
NOWHERE = {"audit": "aud", "comparison": "cmp", "schedule": "sch", "key": "key"}


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


def closed_routes(method: str) -> list[str]:
    """Every address that asks for a session, as a template."""
    return sorted(path for module in site.CLOSED for path in paths_of(module.router, method))


def paths_of(router: APIRouter, method: str) -> Iterator[str]:
    for route in router.routes:
        if method in getattr(route, "methods", ()):
            yield route.path  # type: ignore[attr-defined]


def filled(path: str, ids: dict[str, str] | None = None) -> str:
    known = {name: f"{prefix}_{'0' * 24}" for name, prefix in NOWHERE.items()} | (ids or {})
    return path.format(**known)


def anonymous(api: Api, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=api.url, headers={"Accept": "text/html", **headers}, timeout=30, verify=False)


def sign_in(client: httpx.Client, secret: str, **fields: str) -> httpx.Response:
    return client.post("/sign-in", data={"key": secret, **fields})


class TestSigningIn:
    def test_a_key_becomes_a_session_that_only_its_digest_is_stored_of(self, api: Api) -> None:
        with anonymous(api, Origin=api.url) as client:
            answer = sign_in(client, api.key(), next="/schedules")
            cookie = answer.headers["set-cookie"]
            assert (answer.status_code, answer.headers["location"]) == (303, "/schedules")
            assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=43200"} <= set(cookie.split("; "))
            assert "Secure" not in cookie
            value = client.cookies["scotoma"]
        with transaction(api.factory) as session:
            [row] = session.scalars(select(WebSessionRow))
            assert value not in str([row.id, row.principal, row.csrf])
            assert api.key() not in str(row.principal)

    def test_over_https_the_cookie_is_secure_and_bound_to_the_host(
        self, settings: Settings, engine: Engine, store: S3BlobStore
    ) -> None:
        public = settings.model_copy(update={"public_url": "https://scotoma.example"})
        with (
            api_in_thread(public, engine, store) as api,
            anonymous(api, Origin="https://scotoma.example", Host="scotoma.example") as client,
        ):
            cookie = sign_in(client, api.key()).headers["set-cookie"]
            assert cookie.startswith("__Host-scotoma=")
            assert "Secure" in cookie.split("; ")
            plain = {"Cookie": f"scotoma={cookie.partition('=')[2].partition(';')[0]}"}
            assert client.get("/", headers=plain).headers["location"] == "/sign-in?next=/"

    def test_a_wrong_key_is_refused_and_said_to_be(self, api: Api) -> None:
        with anonymous(api, Origin=api.url) as client:
            answer = sign_in(client, "scot_wrong")
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert "unknown, expired or revoked" in answer.text
            assert 'aria-invalid="true"' in answer.text

    def test_a_session_known_to_somebody_else_is_not_taken_over(self, api: Api) -> None:
        values = ["planted-by-somebody-else"]
        for _ in range(2):
            with anonymous(api, Origin=api.url, Cookie=f"scotoma={values[-1]}") as client:
                sign_in(client, api.key())
                values.append(client.cookies["scotoma"])
        assert len(set(values)) == 3
        works = []
        for value in values:
            with anonymous(api, Cookie=f"scotoma={value}") as client:
                works.append(client.get("/").status_code == 200)
        assert works == [False, False, True]

    def test_only_pages_of_this_service_are_gone_back_to(self, api: Api) -> None:
        with anonymous(api, Origin=api.url) as client:
            for target in ("//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "javascript:1"):
                assert sign_in(client, api.key(), next=target).headers["location"] == "/"

    def test_many_refused_keys_make_it_wait_and_lock_nobody_out(self, api: Api) -> None:
        with anonymous(api, Origin=api.url) as client:
            codes = [sign_in(client, "scot_wrong").status_code for _ in range(PER_ADDRESS + 1)]
            assert codes == [401] * PER_ADDRESS + [429]
            answer = sign_in(client, "scot_wrong")
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 60
            assert sign_in(client, api.key()).status_code == 303

    def test_without_a_session_every_page_asks_for_a_key_and_comes_back(self, api: Api) -> None:
        with anonymous(api) as client:
            for path in closed_routes("GET"):
                answer = client.get(filled(path))
                assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={filled(path)}")
            assert client.get("/?text=a b").headers["location"] == "/sign-in?next=/%3Ftext%3Da%2520b"

    def test_a_link_from_another_site_asks_again_from_here(self, api: Api) -> None:
        with anonymous(api, **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}) as client:
            answer = client.get('/?text="><b>')
            assert answer.status_code == 200
            assert '<meta http-equiv="refresh" content="0;url=/?text=%22%3E%3Cb%3E">' in answer.text

    def test_the_cookie_is_nothing_to_the_api(self, api: Api) -> None:
        with browsing(api) as web:
            assert web.client.get("/v1/audits").status_code == 401
            assert web.client.post("/v1/api-keys", json={"name": "x"}).status_code == 401


class TestEndings:
    def test_signing_out_ends_it_in_the_database_too(self, api: Api) -> None:
        with browsing(api) as web:
            value = web.client.cookies["scotoma"]
            answer = web.post("/sign-out")
            assert answer.headers["location"] == "/sign-in?done=signed-out"
            assert "scotoma" not in web.client.cookies
            with anonymous(api, Cookie=f"scotoma={value}") as other:
                assert other.get("/").status_code == 303
            request = answer.headers["x-request-id"]
        with transaction(api.factory) as session:
            deeds = list(session.scalars(select(TrailRow).order_by(TrailRow.id)))
        assert [deed.action for deed in deeds] == ["sessions.create", "sessions.delete"]
        assert {(deed.principal[:4], deed.subject == deed.principal) for deed in deeds} == {("key_", True)}
        assert deeds[0].request_id
        assert deeds[1].request_id == request

    @pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
    def test_a_key_that_ends_ends_its_sessions_at_once(self, api: Api, column: str) -> None:
        with browsing(api) as web:
            assert web.client.get("/").status_code == 200
            with transaction(api.factory) as session:
                session.execute(update(ApiKeyRow).values({column: func.now()}))
            assert web.client.get("/").status_code == 303
            assert web.client.get("/events/audits").status_code == 303

    def test_a_session_ends_by_the_clock_of_the_database(self, api: Api) -> None:
        with browsing(api) as web:
            with transaction(api.factory) as session:
                session.execute(update(WebSessionRow).values(expires_at=func.now()))
            assert web.client.get("/").status_code == 303

    def test_a_smaller_scope_counts_from_the_next_page_on(self, api: Api) -> None:
        with browsing(api, scope=Scope.ADMIN) as web:
            assert web.client.get("/keys").status_code == 200
            with transaction(api.factory) as session:
                session.execute(update(ApiKeyRow).values(scope="viewer"))
            assert web.client.get("/keys").status_code == 403


class TestForgery:
    def test_no_form_is_taken_without_the_token_of_its_session(self, api: Api) -> None:
        with browsing(api, scope=Scope.ADMIN) as web, browsing(api, scope=Scope.ADMIN) as other:
            foreign = other.token()
            for path in [*closed_routes("POST"), "/sign-out"]:
                for fields in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "wörter"}):
                    answer = web.client.post(filled(path), data=fields)
                    assert answer.status_code == 403, (path, fields)
                    assert "This form was refused" in answer.text
            assert web.client.get("/").status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {},
        ],
    )
    def test_no_form_is_taken_from_elsewhere_even_with_the_token(self, api: Api, headers: dict[str, str]) -> None:
        with browsing(api, scope=Scope.ADMIN) as web:
            token, cookie = web.token(), web.client.cookies["scotoma"]
        with anonymous(api, Cookie=f"scotoma={cookie}", **headers) as elsewhere:
            for path in [*closed_routes("POST"), "/sign-out"]:
                assert elsewhere.post(filled(path), data={"csrf": token}).status_code == 403, path
            refused = sign_in(elsewhere, api.key())
            assert refused.status_code == 403
            assert "set-cookie" not in refused.headers

    def test_a_second_click_starts_nothing_again(self, api: Api) -> None:
        made = populate(api)
        with browsing(api) as web:
            page = web.get("/audits/new").text
            fields = {"classifier": made.classifiers["lesions-v2"], "dataset": made.dataset, "profile": "quick"}
            fields |= {"once": found(ONCE, page), "name": "once"}
            targets = {web.post("/audits/new", fields).headers["location"] for _ in range(2)}
            assert len(targets) == 1
            assert web.get("/?text=once").text.count('<a href="/audits/aud_') == 1


class TestScopes:
    def test_a_viewer_looks_and_does_nothing(self, api: Api) -> None:
        made = populate(api)
        with browsing(api, scope=Scope.VIEWER) as web:
            token = web.token()
            assert "Start an audit" not in web.get("/").text
            assert "Cancel this audit" not in web.get(f"/audits/{made.running}").text
            assert "Compare" not in web.get(f"/audits/{made.done[0]}").text.partition("<main")[2]
            assert ">Keys<" not in web.get("/").text
            for path in closed_routes("POST"):
                answer = web.post(filled(path, {"audit": made.running}), token=token)
                assert answer.status_code == 403, path
                assert "What to do" in answer.text
            assert web.client.get("/keys").status_code == 403
            assert "Webhooks" not in web.get("/project").text

    def test_a_submitter_makes_no_keys(self, api: Api) -> None:
        with browsing(api) as web:
            answer = web.client.get("/keys")
            assert answer.status_code == 403
            assert "Use a key with the scope admin." in answer.text

    def test_what_is_done_here_is_in_the_trail_with_its_request(self, api: Api) -> None:
        made = populate(api)
        with browsing(api) as web:
            answer = web.post(f"/audits/{made.queued}/cancel")
        with transaction(api.factory) as session:
            row = session.scalars(select(TrailRow).where(TrailRow.subject == made.queued)).one()
            assert row.action == "audits.cancel"
            assert row.request_id == answer.headers["x-request-id"]


class TestOtherProjects:
    def test_nothing_of_another_project_is_seen_or_done(self, api: Api) -> None:
        made = populate(api)
        ids = {"audit": made.done[0], **more(api, made)}
        stranger, _ = other_project(api)
        with browsing(api, stranger) as web:
            token = web.token()
            told = "".join(web.get(path).text for path in ("/", "/comparisons", "/schedules", "/keys", "/audits/new"))
            names = ("lesions", "digits", "nightly", *ids.values(), "test submitter")
            assert not [name for name in names if name in told]
            for path in (one for one in closed_routes("GET") if "{" in one):
                answer = web.client.get(filled(path, ids))
                assert answer.status_code == 404, path
                assert "lesions" not in answer.text
            for path in (one for one in closed_routes("POST") if "{" in one):
                assert web.post(filled(path, ids), token=token).status_code == 404, path
            self.refused_forms(web, made, token)
        with browsing(api) as web:
            assert "cancelled" not in web.get(f"/audits/{made.running}").text

    def refused_forms(self, web: Browsing, made: Populated, token: str) -> None:
        compared = {"before": made.done[0], "after": made.done[1], "once": "1"}
        assert web.post("/comparisons", compared, token).status_code == 422
        audited = {"classifier": made.classifiers["lesions-v1"], "dataset": made.dataset, "once": "2"}
        assert web.post("/audits/new", audited, token).status_code == 422


def more(api: Api, made: Populated) -> dict[str, str]:
    """A comparison, a schedule and a key of the default project."""
    body = ScheduleCreate(
        name="nightly", cron="30 2 * * *", dataset=made.dataset, classifier=made.classifiers["lesions-v1"]
    )
    with transaction(api.factory) as session:
        row = ComparisonRow(id=new_id("cmp"), name="lesions", before_id=made.done[0], after_id=made.done[1])
        session.add(row)
        schedule = schedules.create(session, body)
        api.key()
        key = session.scalars(select(ApiKeyRow.id)).first()
    return {"comparison": row.id, "schedule": schedule.id, "key": str(key)}


class TestHeaders:
    def test_pages_have_the_policy_and_stored_documents_are_sandboxed(self, api: Api) -> None:
        made = populate(api)
        ids = {"audit": made.running, **more(api, made)}
        with browsing(api, scope=Scope.ADMIN) as web:
            pages = [path for path in closed_routes("GET") if not re.search(r"events|report|json", path)]
            for path in [*pages, "/sign-in", "/docs", "/nothing/here", "/audits/no-id"]:
                headers = web.client.get(filled(path, ids)).headers
                assert headers["content-security-policy"] == POLICY, path
                assert headers["cache-control"] == "no-store", path
                assert headers["referrer-policy"] == "same-origin", path
                assert headers["x-content-type-options"] == "nosniff", path
            for path in ("report", "result.json"):
                answer = web.client.get(f"/audits/{made.done[0]}/{path}")
                assert answer.status_code == 200
                assert answer.headers["content-security-policy"].endswith("sandbox")
                assert "script-src" not in answer.headers["content-security-policy"]
