"""The page as text: its structure, its promises in the head, and what no name can do to it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from schemas.policies import Outcome
from schemas.results import (
    AuditResult,
    Chart,
    Finding,
    Gallery,
    Gate,
    Line,
    Picture,
    PictureRow,
    Retention,
    Symmetry,
    Verdict,
)
from services.reports import TEMPLATE_VERSION, render_report
from services.reports.pictures import PictureBook
from tests.builders import results as build
from tests.builders import symmetries, views
from tests.builders.pages import PAYLOADS, Page


def hostile(text: str) -> AuditResult:
    """A result in which everything that a user can name is ``text``."""
    bare = build.result(features={text: Verdict.UNDETERMINED}, taps=("hidden " + text, "logits"), classes=[text, text])
    failed = Gate(name=text, passed=False, value=None, threshold=None, detail=text)
    findings = [hostile_finding(each, text) for each in bare.findings]
    names = ("first", text)
    concepts = [
        each.model_copy(update={"caution": text, "leaks": {"first": 0.1, text: 0.5, "x" + text: 0.2}})
        for each in views.concepts(names, ("hidden " + text, "logits"))
    ]
    return bare.model_copy(
        update={
            "classifier": build.classifier(name=text, classes=[text, text], id=text),
            "dataset": build.dataset(name=text, attributes=[text]),
            "audit": build.provenance(name=text, id=text, versions={text: text}, profile=text),
            "gates": [failed],
            "limits": [text],
            "findings": findings,
            "policies": [build.policy_report(text, outcome) for outcome in Outcome],
            "symmetries": hostile_screen("hidden " + text, text),
            "invariant_views": [
                view.model_copy(update={"tap": "hidden " + text, "projection": "p" + text, "why": text})
                for view in symmetries.invariant_views()
            ],
            "concepts": concepts,
            "certificate": views.certificate_mark().model_copy(update={"scores": {text: 0.5, "recall_used": 0.9}}),
        }
    )


def hostile_screen(tap: str, text: str) -> list[Symmetry]:
    rows = [one for one in symmetries.screen() if one.tap in {"conv1", "logits"}]
    return [one.model_copy(update={"tap": tap if one.tap == "conv1" else one.tap, "notes": [text]}) for one in rows]


def hostile_finding(bare: Finding, text: str) -> Finding:
    full = views.full_finding(bare)
    other = full.other_effects[0].model_copy(update={"method": text})
    effect = full.effect.model_copy(update={"method": text})
    free = full.retention.model_copy(update={"invariant": build.estimate(0.01, method=text)})
    return full.model_copy(
        update={"reasons": [text], "effect": effect, "other_effects": [other], "retention": free, "pose_only": True}
    )


def hostile_gallery(text: str) -> Gallery:
    bare = views.gallery("attack", rows=1, columns=2)
    shown = [Picture(png=text, caption=text, mark="changed"), bare.rows[0].pictures[1], None]
    told = views.measure(0)
    return Gallery(
        view="new:" + text,
        title="A " + text,
        subject="Of " + text,
        explanation=text,
        columns=[text, "second"],
        rows=[PictureRow(heading=text, pictures=shown)],
        measures=[told.model_copy(update={"name": text, "label": text, "estimate": build.estimate(0.5, method=text)})],
        charts=[
            Chart(title=text, y=text, x=[text, text], lines=[Line(name=text, values=[build.estimate(0.5)] * 2)] * 2)
        ],
        notes=[text],
    )


def hostile_sheets(text: str) -> Any:
    pictures = build.sheets(taps=("hidden " + text,), features=(text,), rows=1, samples=1, classes=[text, text])
    step = pictures.edits[0].rows[0].original.model_copy(update={"value": text, "png": text})
    row = pictures.edits[0].rows[0].model_copy(update={"edits": [step]})
    edits = [pictures.edits[0].model_copy(update={"rows": [row]})]
    posed = hostile_gallery(text).model_copy(update={"view": "geometry:" + text})
    return pictures.model_copy(update={"edits": edits, "galleries": [hostile_gallery(text), posed]})


names = st.sampled_from(PAYLOADS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=190)


@cache
def benign_shape() -> Counter[str]:
    return Page(render_report(hostile("plain"), hostile_sheets("plain"))).shape()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(names.map(str.strip).filter(bool))
def test_no_name_adds_an_element_or_an_attribute(text: str) -> None:
    page = Page(render_report(hostile(text), hostile_sheets(text)))
    assert page.shape() == benign_shape()
    assert not page.open


@pytest.mark.parametrize("text", PAYLOADS)
def test_hostile_names_stay_text(text: str) -> None:
    page = Page(render_report(hostile(text), hostile_sheets(text)))
    for tag, attrs in page.elements:
        assert tag not in {"script", "iframe", "object", "base", "form", "x", "b"}
        assert not any(key.startswith("on") or key == "style" for key in attrs)
        for key in ("href", "src"):
            assert (attrs.get(key) or "#").startswith(("#", "data:image/"))
    assert "\u202e" not in page.text
    assert "49" not in page.text.partition("ignores")[0]


@pytest.fixture(scope="module")
def default_html() -> str:
    return render_report(views.full_result(), views.full_sheets(rows=4))


@pytest.fixture(scope="module")
def default_page(default_html: str) -> Page:
    return Page(default_html)


def test_policy_forbids_everything_but_the_page_itself(default_html: str, default_page: Page) -> None:
    policy = next(a["content"] for tag, a in default_page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    style = re.findall(r"<style>(.*?)</style>", default_html, re.S)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_nothing_is_loaded_from_anywhere(default_html: str, default_page: Page) -> None:
    assert not re.findall(r"https?:|=[\"']//|@import|url\(", default_html)
    assert not any(tag in {"script", "iframe"} or "style" in attrs for tag, attrs in default_page.elements)


def test_ids_are_unique_and_every_link_arrives(default_page: Page) -> None:
    ids = [attrs["id"] for _, attrs in default_page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [href[1:] for _, attrs in default_page.elements if (href := attrs.get("href") or "").startswith("#")]
    assert set(links) <= set(ids)
    labels = [label for _, attrs in default_page.elements if (label := attrs.get("aria-labelledby"))]
    assert set(labels) <= set(ids)


def test_accessible_by_structure(default_page: Page) -> None:
    headings = [int(tag[1]) for tag, _ in default_page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))
    tags = Counter(tag for tag, _ in default_page.elements)
    assert all(tags[landmark] for landmark in ("header", "nav", "main", "footer"))
    assert all("scope" in attrs for tag, attrs in default_page.elements if tag == "th")
    assert all("alt" in attrs for tag, attrs in default_page.elements if tag == "img")
    assert default_page.elements[0] == ("html", {"lang": "en"})


def test_the_first_screen_says_one_sentence_per_feature_and_failed_gates_before(default_page: Page) -> None:
    text = default_page.text
    order = [
        text.index(words)
        for words in ("1 of 4 checks", "ignores hue", "uses slant", "sees stroke thickness", "No statement about")
    ]
    assert order == sorted(order)
    assert text.index("Whether demo-robust uses sharpness") < text.index("Where each feature goes")


def test_each_cell_of_the_map_says_its_verdict_in_words(default_html: str) -> None:
    table = default_html.partition('<table class="map">')[2].partition("</table>")[0]
    for word in ("ignored", "used", "encoded, unused", "undetermined", "untrusted"):
        assert word in table
    assert table.count('<span class="word">') == 22


def test_every_sample_carries_the_answer_of_the_classifier(default_page: Page) -> None:
    alts = [attrs["alt"] or "" for tag, attrs in default_page.elements if tag == "img" and attrs.get("alt")]
    sampled = [alt for alt in alts if alt.startswith("Sample")]
    assert len(sampled) == (4 * 4 + 4) * 8
    assert all("The classifier answers" in alt for alt in sampled)
    assert any("differs" in alt for alt in alts)
    assert any("flipped" in alt for alt in alts)


def test_provenance_is_complete(default_html: str) -> None:
    result = build.result()
    for text in (
        result.audit.config_digest, result.classifier.digest, result.classifier.canonical_digest, result.dataset.digest,
        result.audit.id, *result.audit.artifacts.values(), "2.13.0", "reused from an earlier audit", "seed 0",
        f"template {TEMPLATE_VERSION}",
    ):  # fmt: skip
        assert text in default_html


@pytest.mark.parametrize("side", [28, 96])
def test_a_default_report_is_at_most_3_mb(side: int) -> None:
    shown = ("hue", "slant", "stroke thickness", "sharpness", "position")
    pictures = views.full_sheets(side, 12, views=(*views.VIEWS, "traversals", "attack"), features=shown)
    pictures.galleries.extend(symmetries.galleries())
    assert len(pictures.galleries) == 24
    screened = {"symmetries": symmetries.screen(), "invariant_views": symmetries.invariant_views()}
    html = render_report(views.full_result(**screened), pictures)
    assert len(html.encode()) <= 3_000_000
    assert "did not fit" not in html
    assert "left out" not in html
    assert ("compressed here" in html) == (side == 96)


def test_maps_of_the_pose_stay_sharp_when_pictures_shrink() -> None:
    pictures = symmetries.symmetric_sheets(96, rows=2, samples=3, noise=12)
    maps = [shown.png for one in symmetries.galleries()[1:3] for row in one.rows for shown in row.pictures if shown]
    book = PictureBook(pictures, budget=400_000)
    assert book.recompressed
    assert not book.left_out
    assert {book.show(png).width for png in maps} == {300}
    assert book.show(pictures.taps[0].rows[0].original.png).width == 96
    assert Image.open(io.BytesIO(base64.b64decode(book.show(maps[0]).uri.partition(",")[2]))).size == (300, 300)


def test_keys_of_stored_samples_are_shown() -> None:
    whole = build.result(features={"hue": Verdict.IGNORED}, taps=("logits",))
    keys = [f"blobs/{rank}" for rank in range(8)]
    finding = whole.findings[0].model_copy(update={"samples": keys})
    text = Page(render_report(whole.model_copy(update={"findings": [finding]}), None)).text
    assert "blobs/0, blobs/1" in text
    assert "and 2 more in result.json" in text


def test_same_input_same_page() -> None:
    pictures = build.sheets(rows=1)
    assert render_report(build.result(), pictures) == render_report(build.result(), pictures)


def test_without_pictures_features_gates_or_taps() -> None:
    bare = build.result(features={}, taps=(), gates=[], controls=[], timings=[], limits=[], thresholds=None)
    page = Page(render_report(bare, None))
    for words in ("no feature to examine", "No pictures came", "no gates", "were not measured"):
        assert words in page.text


def test_missing_measurements_are_said() -> None:
    whole = build.result(taps=("logits",))
    findings = [f.model_copy(update={"retention": Retention()}) for f in whole.findings]
    page = Page(render_report(whole.model_copy(update={"findings": findings}), None))
    assert "not measured" in page.text
    assert "None" not in page.text


def test_forty_features_five_taps_a_thousand_classes() -> None:
    features = {f"feature {rank}": list(Verdict)[rank % 5] for rank in range(40)}
    taps = ("a", "b", "c", "d", "logits")
    html = render_report(build.result(features, taps, classes=[f"class-{k}" for k in range(1000)]), None)
    page = Page(html)
    assert len(html) < 1_000_000
    assert page.text.count("more features") == 5
    assert "and 900 more" in page.text
    assert "class-999" not in html


def test_answers_beyond_the_named_classes_show_their_number() -> None:
    html = render_report(build.result(classes=["cat"]), build.sheets(rows=3, samples=1, classes=["cat"]))
    assert "class 2" in html
    assert ">cat<" in html


def test_a_finding_at_the_output_counts_whatever_the_output_is_called() -> None:
    named = build.result(features={"hue": Verdict.IGNORED}, taps=("hidden", "logits"))
    taps = [named.taps[0], named.taps[1].model_copy(update={"name": "Gemm_42"})]
    page = Page(render_report(named.model_copy(update={"taps": taps}), None))
    assert "demo-robust ignores hue" in page.text
    assert "no finding" not in page.text


def test_reports_load_no_science() -> None:
    code = "import sys, services.reports; print([m for m in ('torch', 'ray', 'onnx', 'workers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
