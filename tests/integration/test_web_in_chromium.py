"""The web page in a real browser: by keyboard, without script, live, on a phone, in light and dark; and harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine

from schemas.api_keys import Scope
from schemas.schedules import ScheduleCreate
from services.db.engine import transaction
from services.db.tables import AuditRow, ClassifierRow, DatasetRow
from services.schedules import service as schedules
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.visits import CONTRAST
from tests.builders.web_pages import Populated, finish, populate, run_half

EVIL = '"><script>document.title="owned";alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>'
LONG = "a" * 150

UNLABELLED = """() => [...document.querySelectorAll('input, select, button, a, summary, progress')]
  .filter(e => e.type !== 'hidden' && !e.hidden)
  .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
  .map(e => e.outerHTML.slice(0, 120))"""
HEADINGS = "() => [...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))"
TABLES = """() => [...document.querySelectorAll('table')].filter(t => !t.caption?.textContent.trim()
  || [...t.querySelectorAll('th')].some(h => !h.scope)).map(t => t.outerHTML.slice(0, 120))"""
DANGLING = """() => [...document.querySelectorAll('[aria-describedby], [aria-labelledby], label[for]')]
  .flatMap(e => [e.getAttribute('aria-describedby'), e.getAttribute('aria-labelledby'), e.htmlFor].join(' ').split(' '))
  .filter(id => id && !document.getElementById(id))"""
REPEATED = """() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at); }"""


@dataclass
class Visit:
    """A browser and everything that it did besides showing pages."""

    context: BrowserContext
    page: Page
    url: str
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def quiet(self) -> bool:
        elsewhere = [url for url in self.requests if not url.startswith((self.url, "data:"))]
        return (self.console, elsewhere, self.dialogs) == ([], [], [])


@dataclass
class Site:
    """The service with what it shows, and browsers for it."""

    api: Api
    made: Populated
    schedule: str
    browser: Browser

    def visit(self, scope: Scope | None = Scope.ADMIN, width: int = 1280, **context: Any) -> Visit:
        opened = self.browser.new_context(viewport={"width": width, "height": 900}, **context)
        visit = Visit(opened, opened.new_page(), self.api.url)
        visit.page.on("console", lambda message: visit.console.append(message.text))
        visit.page.on("pageerror", lambda error: visit.console.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("dialog", lambda dialog: (visit.dialogs.append(dialog.message), dialog.dismiss()))
        if scope is not None:
            visit.go("/sign-in").get_by_label("API key").fill(self.api.key(scope))
            visit.page.get_by_role("button", name="Sign in").click()
            visit.page.wait_for_url(self.api.url + "/")
        return visit

    def paths(self) -> list[str]:
        made = self.made
        audits = [f"/audits/{audit}" for audit in (made.done[4], made.running, made.failed, "new")]
        lists = [
            "/",
            "/?text=nothing",
            "/comparisons",
            "/schedules",
            f"/schedules/{self.schedule}",
            "/keys",
            "/project",
        ]
        return [*lists, *audits, "/nowhere", "/docs"]


@pytest.fixture
def site(settings: Settings, engine: Engine, store: S3BlobStore, browser: Browser) -> Iterator[Site]:
    with api_in_thread(settings, engine, store) as api:
        made = populate(api)
        body = ScheduleCreate(
            name="every night", cron="30 2 * * *", dataset=made.dataset, classifier=made.classifiers["lesions-v1"]
        )
        with transaction(api.factory) as session:
            schedule = schedules.create(session, body).id
        try:
            yield Site(api, made, schedule, browser)
        finally:
            for context in browser.contexts:
                context.close()


def tab_to(page: Page, name: str, most: int = 60) -> None:
    """Press Tab until what has the focus is called ``name``."""
    current = "() => { const e = document.activeElement; return (e.labels?.[0] ?? e).textContent.trim(); }"
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(current).startswith(name):
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", f"no visible focus on {name}"
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def test_by_keyboard_alone(site: Site) -> None:
    visit = site.visit(scope=None)
    page = visit.go("/")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(site.api.key(Scope.ADMIN))
    page.keyboard.press("Enter")
    page.wait_for_url(site.api.url + "/")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, "Name or id")
    page.keyboard.type("lesions-v2 nightly")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?text=*")
    tab_to(page, "lesions-v2 nightly")
    page.keyboard.press("Enter")
    page.wait_for_url("**/audits/*")
    expect(page.get_by_role("heading", level=1)).to_have_text("lesions-v2 nightly")

    tab_to(page, "What changed since")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/comparisons/*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("to lesions-v2 nightly")

    page.goto(site.api.url + f"/schedules/{site.schedule}")
    tab_to(page, "Pause")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The schedule is paused.")

    page.goto(site.api.url + "/keys")
    tab_to(page, "Name")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Secret")).to_have_value(re.compile("^scot_"))
    expect(page.get_by_label("Secret")).to_be_focused()
    assert visit.quiet(), (visit.console, visit.requests, visit.dialogs)


def test_without_script_everything_works(site: Site) -> None:
    visit = site.visit(java_script_enabled=False)
    page = visit.go("/")
    page.get_by_label("State").select_option("running")
    page.get_by_role("button", name="Filter").click()
    assert page.get_by_role("row").count() == 2
    page.get_by_role("link", name="lesions-v3 nightly").click()
    assert page.get_by_role("progressbar").first.get_attribute("value") == "0.572"
    finish(site.api, site.made.running)
    page.get_by_role("link", name="Look again").click()
    assert page.get_by_role("table", name="Verdicts about the answer").is_visible()

    page.get_by_label("What changed since").select_option(site.made.done[0])
    page.get_by_role("button", name="Compare").click()
    assert "/comparisons/cmp_" in page.url

    visit.go(f"/audits/{site.made.queued}").get_by_text("Cancel this audit").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    assert page.get_by_role("status").inner_text() == "The audit was told to stop."

    page.goto(site.api.url + "/audits/new")
    page.get_by_label("Classifier").select_option(site.made.classifiers["digits-colour"])
    page.get_by_label("Dataset").select_option(site.made.dataset)
    page.get_by_role("button", name="Start the audit").click()
    assert page.get_by_role("heading", level=1).inner_text() == "digits-colour on lesions-holdout"

    page.goto(site.api.url + f"/schedules/{site.schedule}")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    assert page.get_by_role("button", name="Pause").is_visible()

    page.goto(site.api.url + "/keys")
    page.get_by_label("Name").fill("no script")
    page.get_by_role("button", name="Make the key").click()
    assert page.get_by_label("Secret").input_value().startswith("scot_")
    page.get_by_role("button", name="Sign out").click()
    assert page.url.endswith("/sign-in?done=signed-out")
    assert visit.quiet(), (visit.console, visit.requests, visit.dialogs)


def test_a_page_follows_its_audit_to_the_end(site: Site) -> None:
    visit = site.visit()
    page = visit.go(f"/audits/{site.made.running}")
    expect(page.get_by_text("This page follows by itself.")).to_be_visible()
    page.get_by_role("link", name="Audits").first.focus()
    with transaction(site.api.factory) as session:
        session.get_one(AuditRow, site.made.running).state = "queued"
    run_half(site.api, site.made.running, fraction=0.9)
    expect(page.get_by_role("progressbar", name="Progress of inn:logits")).to_have_attribute("value", "0.900")
    finish(site.api, site.made.running)
    expect(page.get_by_role("table", name="Verdicts about the answer")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="done")).to_have_count(1)
    expect(page.get_by_text("Cancel this audit")).to_have_count(0)
    expect(page).to_have_title("lesions-v3 nightly: done · Scotoma")
    assert page.evaluate("document.activeElement.textContent").strip() == "Audits"
    assert len([url for url in visit.requests if "/events/audits/aud_" in url]) == 1
    assert visit.quiet(), (visit.console, visit.requests, visit.dialogs)


def test_the_list_follows_and_keeps_the_focus(site: Site) -> None:
    visit = site.visit()
    page = visit.page
    expect(page.get_by_text("This page follows by itself.")).to_be_visible()
    page.get_by_role("link", name="lesions-v3 nightly").first.focus()
    finish(site.api, site.made.running)
    expect(page.get_by_role("row", name=re.compile("lesions-v3 nightly")).first).to_contain_text("1 ignored")
    assert page.evaluate("document.activeElement.getAttribute('href')") == f"/audits/{site.made.running}"
    assert visit.quiet(), (visit.console, visit.requests, visit.dialogs)


def test_a_session_that_ends_ends_the_open_page(site: Site) -> None:
    visit = site.visit()
    expect(visit.page.get_by_text("This page follows by itself.")).to_be_visible()
    visit.context.request.post(
        site.api.url + "/sign-out",
        form={"csrf": visit.page.locator("[name=csrf]").first.input_value()},
        headers={"Origin": site.api.url},
        max_redirects=0,
    )
    expect(visit.page).to_have_url(re.compile(r"/sign-in\?next=/$"))


def test_every_page_is_sound_in_light_and_dark_and_on_a_phone(site: Site) -> None:
    with transaction(site.api.factory) as session:
        session.get_one(AuditRow, site.made.done[4]).name = LONG
        session.get_one(ClassifierRow, site.made.classifiers["lesions-v3"]).name = LONG
    visit = site.visit(color_scheme="light")
    for path in [*site.paths(), "/docs"]:
        page = visit.go(path)
        sound_for_assistive_technology(page)
        assert page.evaluate(CONTRAST) == [], path
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(CONTRAST) == [], path
        page.set_viewport_size({"width": 320, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
    assert [line for line in visit.console if "404" not in line] == []


def sound_for_assistive_technology(page: Page) -> None:
    for check in (UNLABELLED, TABLES, DANGLING, REPEATED):
        assert page.evaluate(check) == [], page.url
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1, page.url
    assert levels[0] == 1, page.url
    assert all(after <= before + 1 for before, after in pairwise(levels)), (page.url, levels)
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1, page.url
    assert page.evaluate("document.documentElement.lang") == "en"


def test_states_differ_without_colour_and_tables_stay_tables_on_a_phone(site: Site) -> None:
    page = site.visit(width=400).page
    shapes = {}
    for state in page.locator("td .state").all():
        shapes.setdefault(state.inner_text().strip(), state.locator("use").get_attribute("href"))
    states = {word: shapes[word] for word in ("waiting", "running", "done", "failed", "cancelled")}
    assert len(set(states.values())) == 5
    table = page.get_by_role("table", name="Audits, newest first")
    assert table.get_by_role("rowheader").count() == 9
    assert table.get_by_role("columnheader").count() == 5


def test_hostile_names_do_nothing(site: Site) -> None:
    made = site.made
    with transaction(site.api.factory) as session:
        for audit in (made.done[4], made.running):
            session.get_one(AuditRow, audit).name = EVIL
        for classifier in made.classifiers.values():
            session.get_one(ClassifierRow, classifier).name = EVIL
        session.get_one(DatasetRow, made.dataset).name = EVIL
    visit = site.visit()
    changed = ("new", made.done[4], made.running)
    for path in ["/", *(f"/audits/{one}" for one in changed), f"/?text={EVIL}", f"/?classifier={EVIL}"]:
        page = visit.go(path)
        assert page.title().endswith("· Scotoma"), path
        assert page.locator("[onerror], [style], iframe, script:not([src='/static/live.js'])").count() == 0, path
    visit.go(f"/audits/{made.running}")
    expect(visit.page.get_by_text("This page follows by itself.")).to_be_visible()
    finish(site.api, made.running)
    expect(visit.page.get_by_role("table", name="Verdicts about the answer")).to_be_visible()
    assert [line for line in visit.console if "404" not in line] == []
    assert visit.dialogs == []
    assert [url for url in visit.requests if not url.startswith((site.api.url, "data:"))] == []


def test_nothing_foreign_could_run(site: Site) -> None:
    visit = site.visit()
    inject = """() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1';
      document.body.append(s); return window.owned ?? 0; }"""
    assert visit.page.evaluate(inject) == 0
    assert any("Content Security Policy" in line for line in visit.console)
    report = visit.go(f"/audits/{site.made.done[0]}/report")
    assert report.evaluate("() => { try { return document.cookie; } catch { return 'opaque'; } }") == "opaque"
