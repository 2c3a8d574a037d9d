"""The comparison's page as text: what it says, its promises in the head, and what no name can do to it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.comparisons import Change, ComparisonPictures, ComparisonResult
from schemas.graphs import GraphFacts
from schemas.results import Picture, Simultaneity, Verdict
from services.reports import TEMPLATE_VERSION, render_comparison
from services.reports.comparison_sentences import change_sentence
from services.reports.comparison_words import CHANGES
from tests.builders import comparisons as build
from tests.builders import results
from tests.builders.pages import PAYLOADS, Page, page_part, page_text


@pytest.fixture(scope="module")
def html() -> str:
    return render_comparison(build.comparison_result(), build.comparison_pictures(rows=2))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def said(change: Change, **fields: Any) -> str:
    return page_text(change_sentence(build.feature_change("hue", change, **fields)))


def test_the_sentence_of_each_change() -> None:
    assert said(Change.BECAME_USED) == (
        "hue: ignored before, used now. Changing only hue changes 61 more answers in 100 (95 % CI 58–64): "
        "0.3 % before, 61 % now."
    )
    assert "hue: used before, ignored now" in said(Change.BECAME_IGNORED)
    assert "31 fewer answers in 100 (95 % CI 28–34): 31 % before, 0.2 % now." in said(Change.BECAME_IGNORED)
    assert said(Change.MORE).startswith("hue matters more, used before and now. Changing only hue changes 9.1 more")
    assert "is not decided, undetermined before, used now." in said(Change.UNDECIDED)
    assert "4.7 more answers in 100 (95 % CI 1.3 fewer to 11 more, with all at once 4.3 fewer to 14 more)" in said(
        Change.UNDECIDED
    )
    assert "reaches across the threshold" in said(Change.UNDECIDED)
    assert said(Change.SAME).startswith("hue: no change, ignored before and now.")


def test_a_sentence_gives_the_number_that_decided() -> None:
    """Where answers hardly differ, the probabilities are what is shown to have moved."""
    level = build.difference(0.1, 0.101, 0.02)
    moved = build.difference(0.2, 0.27, 0.02)
    told = said(Change.MORE, flip_rate=level, total_variation=moved)
    assert "The class probabilities move by 20 % before and 27 % now, +7.0 points (95 % CI 5.0–9.0)." in told
    assert "probabilities" not in said(Change.MORE)


def test_numbers_that_nobody_trusts_are_no_statement() -> None:
    told = said(Change.UNDECIDED, before=Verdict.UNTRUSTED, reasons=["It rests on a check that failed."])
    assert told == "No statement about hue, untrusted before, used now. It rests on a check that failed."


def test_no_effect_measured_is_said() -> None:
    told = said(Change.UNDECIDED, flip_rate=None, total_variation=None)
    assert "No edit of hue alone that both audits can trust was measured." in told


def test_the_first_screen_orders_changes_by_weight(page: Page) -> None:
    text = page.text
    heads = [text.index(word.heading) for word in CHANGES.values()]
    assert heads == sorted(heads)
    assert text.index("4 changes shown among 6 features; 1 not decided") < heads[0]
    assert heads[-1] < text.index("Paired differences")


def test_every_feature_has_its_verdicts_its_difference_and_a_drawing(html: str) -> None:
    table = page_part(html, "differences").partition("</table>")[0]
    assert table.count('<svg class="strip"') == len(build.FEATURES)
    rows = page_text(table)
    assert "hue became used +61 58–64 ignored0.3 %" in rows
    assert "border became ignored −31 −34 to −28 used31 %" in rows


def test_taps_that_both_have_are_shown_with_what_changed_inside(html: str) -> None:
    inside = page_text(page_part(html, "inside"))
    assert "conv1conv2the answer" in inside
    assert "ignored → used" in inside
    invariance = page_text(page_part(html, "invariance"))
    assert "conv2−8.0 −10 to −6.0" in invariance
    assert "the answer−11" in invariance


def test_an_edit_is_shown_once_with_both_answers_and_samples_twice(page: Page) -> None:
    alts = [attrs["alt"] or "" for tag, attrs in page.elements if tag == "img" and attrs.get("alt")]
    edits = [alt for alt in alts if alt.startswith("Edit")]
    assert len(edits) == 2 * 2 * 6
    assert all("Before: " in alt and "After: " in alt for alt in edits)
    for side in ("Before", "After"):
        assert sum(alt.startswith(f"{side}, picture") for alt in alts) == 3 * 2 * 6


def test_edits_of_different_pictures_stand_side_by_side() -> None:
    pictures = build.comparison_pictures(taps=(), features=("hue",), rows=1)
    one = pictures.sets[0].model_copy(update={"after": pictures.sets[0].before[:2]})
    html = render_comparison(build.comparison_result(), ComparisonPictures(sets=[one]))
    assert "before: asked about these" in html


def test_provenance_of_both_sides_is_complete(html: str) -> None:
    result = build.comparison_result()
    for side in (result.before, result.after):
        for text in (side.audit, side.classifier.digest, side.result_digest, f"seed {side.seed}"):
            assert text in html
    for text in (result.comparison, result.dataset.canonical_digest, "2.13.0", f"template {TEMPLATE_VERSION}"):
        assert text in html


def test_what_is_missing_is_said() -> None:
    bare = build.comparison_result({}, tap_names=(), agreement=None, accuracy=None, only_after=["tap conv9"], limits=[])
    text = page_text(render_comparison(bare, None))
    assert "share no feature at the answer" in text
    assert "No samples came with this comparison." in text
    assert "Only the audit after looked at: tap conv9." in text
    assert "Same answer from both" not in text
    assert "Accuracy" not in text


def test_joint_bounds_are_explained_with_their_number() -> None:
    jointly = Simultaneity(level=0.95, comparisons=42, each=0.9988, method="Bonferroni")
    text = page_text(render_comparison(build.comparison_result(simultaneity=jointly), None))
    assert "all of them hold at once: 42 at 95 % (Bonferroni)" in text


DOUBTED = {"failed_before": ["autoencoder_completeness"]}


def doubted(*taps: str) -> str:
    """The page of a comparison in which a check failed before, at ``taps``."""
    told = [
        build.tap_change(tap, rank).model_copy(update=DOUBTED if tap in taps else {})
        for rank, tap in enumerate(build.TAPS)
    ]
    return render_comparison(build.comparison_result(taps=told), build.comparison_pictures(rows=2))


def test_what_rests_on_a_failed_check_is_shown_as_no_statement(html: str) -> None:
    one = doubted("logits")
    table = page_part(one, "invariance")
    assert (table.count('<svg class="strip"'), page_part(html, "invariance").count('<svg class="strip"')) == (2, 3)
    assert "the answera check failed before: no statement" in page_text(table)
    assert "−11" not in page_text(table)
    samples = page_text(page_part(one, "samples"))
    assert "before: drawn to share its answer" in samples
    assert "after: cannot tell these apart" in samples
    assert "not shown that the classifier cannot tell them apart" in samples
    assert "that each cannot tell apart" not in samples
    assert "before: drawn to share its conv1" in page_text(page_part(doubted("conv1"), "samples"))
    sound = page_text(page_part(html, "samples"))
    assert "drawn to share" not in sound
    assert sound.count("cannot tell these apart") == 2 * 2 * 3


def test_nobody_promises_the_same_numbers_of_what_was_fitted_again(html: str) -> None:
    promise = "again gives the same numbers"
    assert promise in page_text(html)
    again = build.compared("demo-hue", 2).model_copy(update={"refitted": True})
    assert promise not in page_text(render_comparison(build.comparison_result(after=again), None))


def test_the_page_says_by_which_edit_its_numbers_are() -> None:
    change = build.feature_change("hue", Change.MORE, edit="factor")
    text = page_text(page_part(render_comparison(build.comparison_result(changes=[change]), None), "differences"))
    assert "512 images, edits of the concept’s factor, paired over images" in text


def test_what_is_said_inside_and_of_probes_is_no_more_than_was_measured(html: str) -> None:
    """At one tap a feature became used, at another the same effect is told as more."""
    inside = page_text(page_part(html, "inside"))
    assert "verdicts too, which differ from tap to tap" in inside
    assert "No verdict turned round" not in html
    assert "by these probes" in page_text(page_part(html, "differences"))
    assert "95 in 100 hold the true value; those of what is left, what such probes read." in page_text(html)


def test_graphs_are_called_graphs() -> None:
    facts = GraphFacts(nodes=9, node_features=4, edge_features=3)
    references = results.dataset(kind="graphs", graph=facts)
    told = build.comparison_result(dataset=references, limits=["Only images that both audits edited count."])
    pictures = build.comparison_pictures(rows=1)
    text = page_text(render_comparison(told, pictures)).lower()
    assert "only graphs that both audits edited count." in text
    assert not re.findall(r"\bimages?\b", text)


# --- promises of the head, and hostile names ---


def test_policy_of_a_comparison_forbids_everything_but_the_page_itself(html: str, page: Page) -> None:
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert not re.findall(r"https?:|=[\"']//|@import|url\(", html)
    assert not any(tag in {"script", "iframe"} or "style" in attrs for tag, attrs in page.elements)
    assert len(re.findall("<style>", html)) == 1


def test_a_comparison_is_accessible_by_structure(page: Page) -> None:
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))
    tags = Counter(tag for tag, _ in page.elements)
    assert all(tags[landmark] for landmark in ("header", "nav", "main", "footer"))
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")
    assert all("alt" in attrs for tag, attrs in page.elements if tag == "img")
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [href[1:] for _, attrs in page.elements if (href := attrs.get("href") or "").startswith("#")]
    labels = [label for _, attrs in page.elements if (label := attrs.get("aria-labelledby"))]
    assert {*links, *labels} <= set(ids)


@pytest.mark.parametrize("side", [28, 96])
def test_a_comparison_is_at_most_3_mb(side: int) -> None:
    features = {f"feature {number}": Change.SAME for number in range(24)}
    pictures = build.comparison_pictures(("a", "b", "c", "logits"), tuple(features)[:6], rows=6, samples=8, side=side)
    html = render_comparison(build.comparison_result(features, ("a", "b", "c", "logits")), pictures)
    assert len(html.encode()) <= 3_000_000
    assert ("compressed here" in html) == (side == 96)


def hostile(text: str) -> ComparisonResult:
    """A comparison in which everything that a user can name is ``text``."""
    tap = "hidden " + text
    reasons = {"reasons": [text, text]}
    told = build.difference(0.1, 0.2).model_copy(update={"difference": build.estimate(0.2, method=text)})
    sides = {
        which: build.compared(which, number).model_copy(
            update={
                "audit": text,
                "name": text,
                "profile": text,
                "classifier": results.classifier(name=text, id=text, classes=[text]),
            }
        )
        for number, which in enumerate(("before", "after"), start=1)
    }
    return build.comparison_result(
        changes=[
            build.feature_change(text, Change.UNDECIDED, tap, **reasons),
            build.feature_change("other", Change.UNDECIDED, before=Verdict.UNTRUSTED, **reasons),
            build.feature_change(
                text,
                Change.UNDECIDED,
                **reasons,
                flip_rate=told,
            ),
        ],
        taps=[build.tap_change(tap, 1), build.tap_change("logits", 2)],
        dataset=results.dataset(name=text, attributes=[text]),
        name=text,
        only_before=[text],
        only_after=["tap " + text],
        versions={text: text},
        thresholds={text: 0.1},
        limits=[text],
    ).model_copy(update=sides | {"comparison": text})


def hostile_pictures(text: str) -> ComparisonPictures:
    whole = build.comparison_pictures(("hidden " + text,), (text,), rows=1, samples=1)
    bad = Picture(png=text, caption=text, mark="changed")
    sets = [one.model_copy(update={"original": bad, "before": [bad], "after": [bad]}) for one in whole.sets]
    return ComparisonPictures(sets=[*whole.sets, *sets])


names = st.sampled_from(PAYLOADS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=190)


@cache
def benign_shape() -> Counter[str]:
    return Page(render_comparison(hostile("plain"), hostile_pictures("plain"))).shape()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(names.map(str.strip).filter(bool))
def test_no_name_in_a_comparison_adds_an_element_or_an_attribute(text: str) -> None:
    page = Page(render_comparison(hostile(text), hostile_pictures(text)))
    assert page.shape() == benign_shape()
    assert not page.open


@pytest.mark.parametrize("text", PAYLOADS)
def test_hostile_names_in_a_comparison_stay_text(text: str) -> None:
    page = Page(render_comparison(hostile(text), hostile_pictures(text)))
    for tag, attrs in page.elements:
        assert tag not in {"script", "iframe", "object", "base", "form", "x", "b"}
        assert not any(key.startswith("on") or key == "style" for key in attrs)
        for key in ("href", "src"):
            assert (attrs.get(key) or "#").startswith(("#", "data:image/"))
    assert "\u202e" not in page.text
