"""Galleries on the page: sorted, complete, and honest about what is missing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from schemas.results import Chart, Gallery, Line, Picture, PictureRow
from services.reports import render_report
from services.reports.charts import SERIES, line_chart
from services.reports.galleries import by_importance, gallery_sections
from services.reports.svg import ATTRIBUTES, ELEMENTS
from services.reports.vocabulary import OTHER, SECTIONS
from tests.builders import results as build
from tests.builders import views


def page(*galleries: Gallery) -> str:
    pictures = build.sheets(rows=1, samples=1).model_copy(update={"galleries": list(galleries)})
    return render_report(build.result(), pictures)


def section(html: str) -> str:
    return html.partition('<section id="views"')[2].partition('<section id="limits"')[0]


def test_one_section_per_view_in_the_order_of_importance() -> None:
    order = ("attribution", "samples:logits", "unheard of", "companions", "samples:hidden")
    sections = gallery_sections(views.galleries(order, rows=1, columns=1))
    assert [one.word.title for one in sections] == [
        *(SECTIONS[key].title for key in ("companions", "samples", "attribution")),
        OTHER.title,
    ]
    assert [view.gallery.subject for view in sections[1].galleries] == ["logits", "hidden"]
    assert [one.view for one in by_importance(views.galleries(order, rows=1, columns=1))][-1] == "unheard of"


def test_no_galleries_no_section() -> None:
    html = page()
    assert 'id="views"' not in html
    assert 'href="#views"' not in html


def test_everything_of_a_gallery_is_there() -> None:
    one = views.gallery("attack", rows=2, columns=3)
    html = section(page(one))
    for text in (one.title, one.explanation, *one.columns, "image 137", "Distance by tap", "n = 512", "penultimate"):
        assert text in html
    assert html.count("<figure") == 2 * 3 + 1
    assert html.count("changed</span>") == 2
    assert html.count("same</span>") == 2


def test_marks_are_words_and_reach_the_alternative_text() -> None:
    html = section(page(views.gallery("mixing", rows=1, columns=3)))
    alts = re.findall(r'alt="([^"]*)"', html)
    assert alts[0] == "image 0, original, 0 · 97 %"
    assert alts[1].endswith("same answer")
    assert alts[2].endswith("answer changed")
    assert "This tap fails a gate" in html


def test_long_lists_of_numbers_are_folded() -> None:
    many = views.gallery("attack", rows=1).model_copy(update={"measures": [views.measure(k) for k in range(11)]})
    html = section(page(many))
    assert "3 more numbers" in html
    assert "case 10" in html


def test_rows_of_any_length_and_holes_keep_their_columns() -> None:
    shown = views.gallery("attack", rows=1, columns=1).rows[0].pictures[0]
    rows = [PictureRow(heading="a", pictures=[None, shown]), PictureRow(pictures=[shown, shown, shown, None])]
    html = section(page(Gallery(view="attack", title="t", explanation="e", columns=["one", "two"], rows=rows)))
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert [row.count("<td>") for row in body.split("</tr>")] == [0, 4, 4, 0]
    assert 'colspan="4"' in body


def test_rows_without_a_picture_left_are_counted_not_shown() -> None:
    lost = PictureRow(heading="lost row", pictures=[Picture(png="not a picture")])
    one = views.gallery("attack", rows=1)
    html = section(page(one.model_copy(update={"rows": [*one.rows, lost]})))
    assert "lost row" not in html
    assert "1 row of pictures was left out" in html


@pytest.mark.parametrize(
    "bare", [Gallery(view="x", title="t", explanation="e"), Gallery(view="", title="", explanation="")]
)
def test_an_empty_gallery_is_no_error(bare: Gallery) -> None:
    assert "Further views" in section(page(bare))


def test_lines_differ_by_colour_dash_and_shape_and_say_their_numbers() -> None:
    drawn = line_chart(views.chart(lines=3))
    root = ElementTree.fromstring(str(drawn))
    for node in list(root.iter())[1:]:
        assert node.tag in ELEMENTS
        assert set(node.keys()) <= ATTRIBUTES
        assert "#0" not in "".join(node.attrib.values())
    dashes = {node.get("stroke-dasharray") for node in root.iter("path") if node.get("stroke-width") == "1.8"}
    assert len(dashes) == 3
    said = root.attrib["aria-label"]
    assert said.startswith("Distance by tap. curve 0: ")
    assert "logits 0.7 (0.68–0.72)" in said
    assert len(SERIES) >= 3


def test_a_gap_breaks_the_line() -> None:
    values = [build.estimate(0.1), None, build.estimate(0.3), build.estimate(0.2)]
    gap = Chart(title="t", y="y", x=["a", "b", "c", "d"], lines=[Line(name="n", values=values)])
    root = ElementTree.fromstring(str(line_chart(gap)))
    (curve,) = (node for node in root.iter("path") if node.get("stroke-width") == "1.8")
    assert curve.attrib["d"].count("M") == 2


def test_a_chart_without_numbers_says_so() -> None:
    empty = Chart(title="t", y="y", x=["a"], lines=[Line(name="n", values=[build.estimate(float("nan"))])])
    assert line_chart(empty) is None
    assert line_chart(Chart(title="t", y="y", x=[], lines=[])) is None
    one = views.gallery("attack", rows=1).model_copy(update={"charts": [empty]})
    assert "no numbers" in section(page(one))


def test_places_and_lines_of_the_same_name_stay_apart() -> None:
    values = [build.estimate(0.1), build.estimate(0.3)]
    twins = Chart(title="t", y="y", x=["x" * 40, "x" * 40], lines=[Line(name="n", values=values)] * 2)
    said = str(line_chart(twins))
    assert re.findall(r">(\d)\. x", said) == ["1", "2"]
    assert re.findall(r">(\d)\. n<", said) == ["1", "2"]
    assert not re.findall(r">1\. ", str(line_chart(views.chart())))
