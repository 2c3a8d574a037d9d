"""Vega's drawing inside the page: only what is known to be harmless, in the page's colours."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from services.reports.charts import by_depth, information_chart, invariance_chart
from services.reports.svg import ATTRIBUTES, ELEMENTS, inline_svg
from tests.builders.results import TAPS, estimate, tap

HOSTILE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"
viewBox="0 0 1 1" onload="a()">
<script>alert(1)</script><style>*{}</style><foreignObject><div/></foreignObject><image x:href="http://e/"/>
<g style="fill:red" onclick="a()" id="h"><a x:href="javascript:a()"><text>no</text></a>
<text fill="#010101" class="c">&lt;script&gt;</text></g></svg>"""


def test_nothing_active_survives() -> None:
    drawn = inline_svg(HOSTILE, '"><script>')
    assert '<text fill="var(--ink)">&lt;script&gt;</text>' in drawn
    for word in ("<script", "style", "onload", "onclick", "href", "foreignObject", "http", "javascript", "<a", "id="):
        assert word not in drawn


def test_malformed_drawings_are_refused() -> None:
    with pytest.raises(ElementTree.ParseError):
        inline_svg("<svg", "x")


@pytest.mark.parametrize("draw", [information_chart, invariance_chart])
def test_charts_hold_only_known_parts_and_say_their_numbers(draw) -> None:
    taps = [tap('<img src=x onerror="a()">', 0, 2), tap("logits", 1, 2)]
    drawn = draw(taps)
    root = ElementTree.fromstring(str(drawn))
    for node in list(root.iter())[1:]:
        assert node.tag in ELEMENTS
        assert set(node.keys()) <= ATTRIBUTES
        assert "#0" not in "".join(node.attrib.values())
    assert "logits" in root.attrib["aria-label"]
    assert len([node for node in root.iter("line") if node.get("stroke-width") == "7"]) == 2


def test_no_chart_without_numbers() -> None:
    bare = tap("logits", 0, 1).model_copy(update={"information": None, "total_invariance": estimate(float("nan"))})
    assert information_chart([bare]) is None
    assert invariance_chart([bare]) is None


def test_depth_runs_from_the_input_to_the_answer() -> None:
    taps = [tap(name, rank, len(TAPS)) for rank, name in enumerate(TAPS)]
    assert [each.name for each in by_depth(taps[::-1])] == list(TAPS)
