"""The report in a real browser: silent, offline, harmless, readable on a phone and on paper, in light and dark."""

from __future__ import annotations

import re

import pytest

from schemas.results import Gallery, PictureRow, Verdict
from services.reports import render_certificate, render_report
from tests.builders import results as build
from tests.builders import symmetries
from tests.builders import views as full
from tests.builders.certificates import certificate
from tests.builders.visits import CONTRAST, Visitor, outside

EVIL = (
    '"><script>document.title="owned";alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>'
    "' style='position:fixed' onmouseover='alert(3)</title></style>\u202e"
)
LONG = "a" * 180 + ".onnx"


@pytest.fixture(scope="module")
def report() -> str:
    views = ("companions", "factors", "samples:logits", "mixing", "attack")
    return render_report(full.full_result(), full.full_sheets(rows=3, views=views))


@pytest.fixture(scope="module")
def symmetric_report() -> str:
    return render_report(symmetries.symmetric_result(), symmetries.symmetric_sheets(rows=1, samples=3))


@pytest.fixture(scope="module")
def graph_report() -> str:
    return render_report(symmetries.graph_result(), symmetries.graph_sheets())


@pytest.fixture(scope="module")
def certificate_page() -> str:
    return render_certificate(certificate(), "f" * 64)


@pytest.fixture(scope="module")
def evil_report() -> str:
    evil = EVIL[:195]
    features = {evil: Verdict.IGNORED, LONG: Verdict.USED}
    result = build.result(features, taps=(LONG, "t" + evil, "logits"), classes=[evil, LONG]).model_copy(
        update={
            "classifier": build.classifier(name=evil, classes=[evil, LONG]),
            "dataset": build.dataset(name=LONG, attributes=[evil, LONG]),
            "policies": [build.policy_report(evil), build.policy_report(LONG[:200])],
            "limits": [evil, LONG * 3],
            "symmetries": [
                one.model_copy(update={"tap": LONG if one.tap == "conv1" else "t" + evil, "notes": [LONG, evil]})
                for one in symmetries.screen()
                if one.tap in {"conv1", "conv2"}
            ],
            "invariant_views": [
                one.model_copy(update={"tap": LONG, "projection": LONG, "why": evil + LONG})
                for one in symmetries.invariant_views()
            ],
            "concepts": full.concepts((evil, LONG, "t" + evil), (LONG, "t" + evil, "logits")),
            "certificate": full.certificate_mark().model_copy(update={"scores": {evil: 0.1, LONG: 0.2}}),
        }
    )
    pictures = build.sheets(taps=(LONG, "t" + evil), features=(evil,), rows=2, samples=3, classes=[evil, LONG])
    return render_report(result, pictures.model_copy(update={"galleries": [evil_gallery(evil)]}))


def evil_gallery(evil: str) -> Gallery:
    bare = full.gallery("attack", rows=2, columns=4)
    shown = bare.rows[0].pictures[1].model_copy(update={"caption": evil})
    names = {"view": evil, "title": evil, "subject": LONG, "explanation": evil + LONG, "notes": [LONG, evil]}
    chart = full.chart((evil, LONG, "c", "d")).model_copy(update={"title": LONG, "y": evil})
    told = full.measure(0).model_copy(update={"label": LONG, "estimate": build.estimate(0.5, method=evil)})
    rows = [PictureRow(heading=LONG, pictures=[shown] * 4), PictureRow(heading=evil, pictures=[shown, None])]
    return bare.model_copy(
        update=names | {"columns": [evil, LONG, "c"], "rows": rows, "charts": [chart], "measures": [told]}
    )


@pytest.mark.parametrize("kind", ["report", "symmetric_report", "certificate_page"])
def test_silent_and_offline(visitor: Visitor, kind: str, request: pytest.FixtureRequest) -> None:
    visit = visitor.open(request.getfixturevalue(kind))
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert visit.console == []
    assert outside(visit) == []
    assert len([url for url in visit.requests if url.startswith("file:")]) == 1
    broken = visit.page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length")
    assert broken == 0


def test_its_own_style_is_allowed_by_its_policy(visitor: Visitor, report: str) -> None:
    visit = visitor.open(report, color_scheme="light")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 247)"
    tampered = visitor.open(report.replace("#fbfaf7;", "#ff0000;"), color_scheme="light")
    assert tampered.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("kind", ["report", "evil_report", "symmetric_report", "graph_report", "certificate_page"])
def test_no_sideways_scrolling(visitor: Visitor, kind: str, width: int, request: pytest.FixtureRequest) -> None:
    visit = visitor.open(request.getfixturevalue(kind), width)
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = """width => [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, .hidden, svg')
      && e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML.slice(0, 80))"""
    assert visit.page.evaluate(beyond, width) == []


def test_hostile_names_do_nothing(visitor: Visitor, evil_report: str) -> None:
    visit = visitor.open(evil_report)
    for element in visit.page.locator("bdi.name:visible").all()[:12]:
        element.hover()
    assert visit.dialogs == []
    assert visit.console == []
    assert outside(visit) == []
    assert visit.page.title().startswith("What ")
    assert visit.page.locator("script, [onerror], [onmouseover], [style], iframe").count() == 0
    assert visit.page.locator("h1").inner_text().startswith('What "><script>')


def test_readable_without_javascript(visitor: Visitor, report: str) -> None:
    visit = visitor.open(report, java_script_enabled=False)
    assert visit.page.get_by_role("heading", level=1).inner_text() == "What demo-robust ignores"
    assert visit.page.get_by_text("ignores hue").first.is_visible()
    folded = visit.page.locator("#samples details").nth(1)
    assert not folded.locator("figure").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("figure").first.is_visible()
    assert visit.page.locator("#map table.map").is_visible()


@pytest.mark.parametrize("kind", ["report", "symmetric_report", "graph_report", "certificate_page"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_aa(visitor: Visitor, kind: str, scheme: str, request: pytest.FixtureRequest) -> None:
    visit = visitor.open(request.getfixturevalue(kind), color_scheme=scheme)
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert visit.page.evaluate(CONTRAST) == []


def test_dark_is_dark(visitor: Visitor, report: str) -> None:
    visit = visitor.open(report, color_scheme="dark")
    red = int(re.findall(r"\d+", visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))[0])
    assert red < 40
    assert visit.page.evaluate("getComputedStyle(document.querySelector('.chart text')).fill") != "rgb(0, 0, 0)"


def test_prints_on_paper_with_everything_unfolded(visitor: Visitor, report: str) -> None:
    visit = visitor.open(report, color_scheme="dark")
    pdf = visit.page.pdf(format="A4", prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) <= 40
    visit.page.emulate_media(media="print")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    heights = "[...document.querySelectorAll('details')].map(d => d.getBoundingClientRect().height)"
    on_paper = visit.page.evaluate(heights)
    visit.page.emulate_media(media="screen")
    on_screen = visit.page.evaluate(heights)
    assert sum(on_paper) > 1.5 * sum(on_screen)


def test_keyboard_reaches_links_and_scrollable_tables_with_a_visible_focus(visitor: Visitor, report: str) -> None:
    visit = visitor.open(report, 390)
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the verdicts"
    visit.page.keyboard.press("Tab")
    outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    unreachable = """() => [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1
      && e.tabIndex !== 0).length"""
    assert visit.page.evaluate(unreachable) == 0


def test_landmarks_and_map_reach_assistive_technology(visitor: Visitor, report: str) -> None:
    page = visitor.open(report).page
    for role in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    table = page.get_by_role("region", name="Where each feature goes").get_by_role("table")
    assert table.get_by_role("rowheader").count() == 7
    assert table.get_by_role("columnheader").count() == 6
    assert page.get_by_role("img", name=re.compile("Information kept at each tap")).count() == 1


def test_galleries_are_folded_until_asked_for_and_keep_their_columns(visitor: Visitor, report: str) -> None:
    page = visitor.open(report, java_script_enabled=False).page
    gallery = page.locator("#views details.sheet").first
    assert not gallery.locator("figure").first.is_visible()
    gallery.locator("summary").first.click()
    table = gallery.locator("table.pictures")
    assert table.get_by_role("columnheader").count() == 8
    assert table.get_by_role("img").count() == 24
    assert gallery.get_by_role("img", name=re.compile("^Distance by tap. curve 0")).is_visible()
    assert gallery.get_by_text("changed").count() == 3


def test_a_wide_gallery_scrolls_inside_itself(visitor: Visitor, report: str) -> None:
    page = visitor.open(report, 390).page
    page.locator("#views details.sheet summary").first.click()
    wide = "e => e.scrollWidth > e.clientWidth && e.tabIndex === 0"
    assert page.locator("#views .scroll").first.evaluate(wide)


def test_the_screen_of_symmetries_reaches_assistive_technology(visitor: Visitor, symmetric_report: str) -> None:
    page = visitor.open(symmetric_report, 390, java_script_enabled=False).page
    page.get_by_role("link", name="Symmetry").click()
    assert page.url.endswith("#symmetry")
    region = page.get_by_role("region", name="Where each symmetry holds")
    table = region.get_by_role("table")
    assert [head.inner_text().split()[0] for head in table.get_by_role("rowheader").all()] == list(symmetries.TAPS)
    assert table.get_by_role("columnheader").count() == 1 + len(symmetries.SCREEN)
    assert table.get_by_role("cell", name="exact").count() == 5
    assert table.get_by_role("cell", name="exact").first.get_attribute("title").startswith("the map moves")
    page.keyboard.press("Tab")
    assert page.locator("#symmetry .scroll:focus-visible").count() == 1
    numbers = page.get_by_text("The same in numbers")
    numbers.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("table", name="Symmetry in numbers, by tap and group").is_visible()


def test_states_differ_without_colour(visitor: Visitor, symmetric_report: str) -> None:
    page = visitor.open(symmetric_report).page
    shapes = {}
    for state in ("exact", "approximate", "broken", "unclear"):
        cell = page.locator(f".screen td.s-{state}").first
        shapes[cell.locator("use").get_attribute("href")] = cell.locator(".word").inner_text().strip()
    assert len(shapes) == len(set(shapes.values())) == 4


@pytest.mark.parametrize("width", [390, 1280])
def test_maps_stand_side_by_side_where_there_is_room(visitor: Visitor, symmetric_report: str, width: int) -> None:
    page = visitor.open(symmetric_report, width).page
    left, right = (one.bounding_box() for one in page.locator("#symmetry details[open] .large img").all())
    assert min(left["width"], right["width"]) == 300
    assert (left["y"] == right["y"]) == (width == 1280)
    assert left["x"] + left["width"] <= width


def test_pose_alone_is_on_the_first_map(visitor: Visitor, symmetric_report: str) -> None:
    page = visitor.open(symmetric_report, java_script_enabled=False).page
    cell = page.get_by_role("region", name="Where each feature goes").get_by_role("cell", name="as pose only")
    assert cell.count() == 2
    assert cell.first.is_visible()
