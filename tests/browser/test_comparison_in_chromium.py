"""The comparison report in a real browser: silent, offline, harmless, readable everywhere and by everybody."""

from __future__ import annotations

import re

import pytest

from schemas.comparisons import Change
from services.reports import render_comparison
from tests.builders import comparisons as build
from tests.builders import results
from tests.builders.visits import CONTRAST, Visitor, outside

EVIL = (
    '"><script>document.title="owned";alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>'
    "' style='position:fixed' onmouseover='alert(3)</title></style>\u202e"
)[:195]
LONG = "a" * 180 + ".onnx"
UNFOLD = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def comparison() -> str:
    return render_comparison(build.comparison_result(only_before=["tap conv9"]), build.comparison_pictures(rows=2))


@pytest.fixture(scope="module")
def evil_comparison() -> str:
    sides = {
        which: build.compared(name, at).model_copy(update={"name": name, "profile": LONG})
        for at, (which, name) in enumerate((("before", EVIL), ("after", LONG)), start=1)
    }
    result = build.comparison_result(
        {EVIL: Change.BECAME_USED, LONG: Change.UNDECIDED},
        (LONG, "t" + EVIL, "logits"),
        dataset=results.dataset(name=LONG),
        name=EVIL,
        only_before=[EVIL, LONG],
        limits=[EVIL, LONG * 3],
        versions={EVIL: LONG},
        thresholds={LONG: 0.1},
        **sides,
    )
    pictures = build.comparison_pictures((LONG, "t" + EVIL), (EVIL, LONG), rows=1)
    named = [picture.model_copy(update={"caption": EVIL}) for picture in pictures.sets[0].before]
    return render_comparison(result, pictures.model_copy(
        update={"sets": [pictures.sets[0].model_copy(update={"before": named}), *pictures.sets[1:]]}
    ))  # fmt: skip


def test_a_comparison_is_silent_and_offline(visitor: Visitor, comparison: str) -> None:
    visit = visitor.open(comparison)
    visit.page.evaluate(UNFOLD)
    assert visit.console == []
    assert outside(visit) == []
    assert visit.page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0


def test_both_styles_are_allowed_by_the_policy_and_nothing_else(visitor: Visitor, comparison: str) -> None:
    visit = visitor.open(comparison, color_scheme="light")
    display = "getComputedStyle(document.querySelector('.versus')).display"
    assert visit.page.evaluate(display) == "grid"
    tampered = visitor.open(comparison.replace(".versus{display:grid", ".versus{display:flex"))
    assert tampered.page.evaluate(display) == "block"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("kind", ["comparison", "evil_comparison"])
def test_a_comparison_never_scrolls_sideways(
    visitor: Visitor, kind: str, width: int, request: pytest.FixtureRequest
) -> None:
    visit = visitor.open(request.getfixturevalue(kind), width)
    visit.page.evaluate(UNFOLD)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = """width => [...document.querySelectorAll('main *, header *')].filter(
      e => !e.closest('.scroll, .hidden, svg')
        && e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML.slice(0, 80))"""
    assert visit.page.evaluate(beyond, width) == []


def test_hostile_names_in_a_comparison_do_nothing(visitor: Visitor, evil_comparison: str) -> None:
    visit = visitor.open(evil_comparison)
    for element in visit.page.locator("bdi.name:visible").all()[:12]:
        element.hover()
    assert visit.dialogs == []
    assert visit.console == []
    assert outside(visit) == []
    assert visit.page.title().startswith("What changed from ")
    assert visit.page.locator("script, [onerror], [onmouseover], [style], iframe").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_a_comparison_is_aa(visitor: Visitor, comparison: str, scheme: str) -> None:
    visit = visitor.open(comparison, color_scheme=scheme)
    visit.page.evaluate(UNFOLD)
    assert visit.page.evaluate(CONTRAST) == []


def test_a_comparison_is_readable_without_javascript(visitor: Visitor, comparison: str) -> None:
    page = visitor.open(comparison, java_script_enabled=False).page
    assert page.get_by_role("heading", level=1).inner_text() == "What changed from demo-robust to demo-hue"
    assert page.get_by_text("hue: ignored before, used now").is_visible()
    page.get_by_role("link", name="Numbers on hue").click()
    assert page.url.endswith("#change-1")
    folded = page.locator("#samples details").nth(1)
    assert not folded.locator("figure").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("figure").first.is_visible()


def test_changes_reach_assistive_technology(visitor: Visitor, comparison: str) -> None:
    page = visitor.open(comparison, 390).page
    for role in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    table = page.get_by_role("region", name="Paired differences").get_by_role("table").first
    assert [head.inner_text() for head in table.get_by_role("rowheader").all()] == list(build.FEATURES)
    assert table.get_by_role("columnheader").count() == 6
    assert table.get_by_role("cell", name="became used").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the changes"
    unreachable = """() => [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1
      && e.tabIndex !== 0).length"""
    assert page.evaluate(unreachable) == 0


def test_changes_differ_without_colour(visitor: Visitor, comparison: str) -> None:
    page = visitor.open(comparison).page
    shapes = {
        row.locator(".chip use").get_attribute("href"): row.locator(".chip").inner_text().strip()
        for row in page.locator(".forest tbody tr[id]").all()
    }
    assert len(shapes) == len(set(shapes.values())) == len(Change)
    drawn = page.evaluate(
        "[...document.querySelectorAll('use')].every(u => document.querySelector(u.getAttribute('href')))"
    )
    assert drawn


@pytest.mark.parametrize(("width", "beside"), [(1280, True), (390, False)])
def test_samples_stand_side_by_side_where_there_is_room(
    visitor: Visitor, comparison: str, width: int, beside: bool
) -> None:
    page = visitor.open(comparison, width).page
    before, after = (one.bounding_box() for one in page.locator("#samples .versus").first.locator(".many").all())
    assert before is not None
    assert after is not None
    assert (before["y"] == after["y"]) == beside


def test_a_comparison_prints_with_everything_unfolded(visitor: Visitor, comparison: str) -> None:
    visit = visitor.open(comparison, color_scheme="dark")
    pdf = visit.page.pdf(format="A4", prefer_css_page_size=True)
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) <= 20
    visit.page.emulate_media(media="print")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    heights = "[...document.querySelectorAll('details')].map(d => d.getBoundingClientRect().height)"
    on_paper = visit.page.evaluate(heights)
    visit.page.emulate_media(media="screen")
    assert sum(on_paper) > 1.2 * sum(visit.page.evaluate(heights))
