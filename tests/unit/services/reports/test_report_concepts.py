"""Concepts, second methods, joint bounds and the certificate on the page; and older results without them."""

from __future__ import annotations

import json

import pytest

from schemas.results import AuditResult, Verdict
from services.reports import render_report
from services.reports.concepts import above_chance, concepts_view, heat, score_bar
from tests.builders import results as build
from tests.builders import views
from tests.builders.pages import page_part as part
from tests.builders.pages import page_text as text

NEW = ("concepts", "views", "simultaneity", "certificate", "symmetries", "invariant_views")


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(views.full_result(), None)


def test_an_older_result_without_the_new_fields_still_renders() -> None:
    old = json.loads(build.result().model_dump_json())
    for key in NEW:
        del old[key]
    for key in ("kind", "graph"):
        del old["dataset"][key]
    for tap in old["taps"]:
        del tap["zeros"], tap["rank"]
    for finding in old["findings"]:
        del finding["other_effects"], finding["retention"]["stratified"], finding["retention"]["factor"]
        del finding["pose_only"], finding["retention"]["invariant"], finding["retention"]["invariant_generative"]
        for key in ("method", "confirmed", "collateral", "logit_change", "detectable"):
            del finding["effect"][key]
    page = render_report(AuditResult.model_validate(old), None)
    said = text(page)
    for absent in ('id="concepts"', 'href="#concepts"', 'class="joint"', 'id="symmetry"', 'href="#symmetry"'):
        assert absent not in page
    for absent in ("could have been missed", "asked with another edit", "with all findings at once", "pose"):
        assert absent not in said
    assert "No calibration certificate was made" in said


def test_the_codes_come_first_then_the_taps_by_depth() -> None:
    result = views.full_result()
    view = concepts_view(result, result.taps[::-1])
    assert view is not None
    assert view.columns == ["codes", *[tap.name for tap in result.taps[::-1]]]
    assert concepts_view(build.result(), []) is None


def test_scores_are_told_with_interval_chance_and_twin(html: str) -> None:
    said = text(part(html, "concepts"))
    assert "what the images hold" in said
    assert "0.30 0.28 to 0.32 chance up to 0.03" in said
    assert "untrained 0.21" in said
    assert said.count("no more than chance") == 1
    assert "with a hat: Two pictures define it" in said
    assert "from two pictures that the user gave" in said


def test_chance_is_left_only_with_the_whole_interval() -> None:
    assert not above_chance(views.concept_score("t", 0.04, None))
    assert above_chance(views.concept_score("t", 0.06, None))


def test_score_bars_stay_inside() -> None:
    bar = score_bar(views.concept_score("t", 0.99, -0.2))
    assert bar is not None
    assert (bar.chance, bar.low, bar.high, bar.dot, bar.untrained) == (3.0, 97.0, 100.0, 99.0, 0.0)
    assert score_bar(views.concept_score("t", float("nan"), None)) is None


def test_leaks_are_tinted_by_size_and_written_out(html: str) -> None:
    matrix = part(html, "concepts").partition('class="leaks"')[2]
    assert matrix.count("heat-3") == 2
    assert matrix.count("0.91") == 3
    assert [heat(value) for value in (0.0, -0.06, 0.15, -0.3, 0.9, float("nan"))] == [0, 1, 2, 3, 4, 0]


def test_joint_bounds_stand_beside_the_interval_and_are_explained(html: str) -> None:
    said = text(html)
    assert "all 84 comparisons of this audit hold at once at 95 %" in said
    assert "with all findings at once: −0.3 to 0.9 %" in said
    assert html.count('class="joint"') >= 3 * 5


def test_every_measurement_of_an_effect_is_shown(html: str) -> None:
    said = text(part(html, "feature-1"))
    for words in (
        "Edits that measurably reached their target99.8 %",
        "Edits that moved another feature too1.2 %",
        "Scores move by, in units of their spread0.14 0.12–0.16",
        "Predictive, among images alike in tied features3.0 %",
        "Retention of the concept’s own factor5.0 %",
        "an effect below 1.1 % of answers could have been missed",
        "factor of the concept INN, swapped",
        "These edits are peers, and the verdict rests on all of them.",
    ):
        assert words in said


def test_features_say_what_they_are(html: str) -> None:
    said = text(html)
    assert "A block of numbers, concept given by the user; concept from two pictures that the user gave" in said
    assert "A block of numbers, discovered by the audit" in said


def test_discovered_features_come_after_named_ones_of_the_same_verdict(html: str) -> None:
    said = text(html)
    assert said.index("ignores hue") < said.index("ignores discovered 1") < said.index("uses slant")


def test_taps_tell_zeros_and_rank(html: str) -> None:
    assert "41 %128" in text(part(html, "loss"))


def test_the_certificate_is_summed_up_with_its_digest(html: str) -> None:
    said = text(part(html, "trust"))
    assert "Of 76 such verdicts, 0 said “ignored” of a feature that is used" in said
    assert "Of ignored features, share that was found93 %" in said
    assert "Of clear cases, share left undecided8.0 %" in said
    assert "largest gap0.5" in said
    assert "f" * 64 in said
    assert "/v1/certificate" in said


def test_a_false_ignored_is_never_hidden() -> None:
    bad = views.certificate_mark().model_copy(update={"false_ignored": 2})
    assert "2 said “ignored”" in text(render_report(views.full_result(certificate=bad), None))


def test_a_lone_finding_of_each_verdict_renders_with_everything() -> None:
    for verdict in Verdict:
        findings = [views.full_finding(build.finding("hue", verdict=verdict))]
        page = render_report(views.full_result(findings=findings), None)
        assert "None" not in text(page)
