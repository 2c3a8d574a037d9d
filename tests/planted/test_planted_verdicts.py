"""The product's verdicts on classifiers whose truth is known by construction (papers.md 5.4)."""

import pytest

from schemas.results import Verdict
from tests.builders.planted_audits import PLOTS, Plantation
from tests.builders.planted_truths import REFUSED, false_ignored, score

pytestmark = pytest.mark.filterwarnings("default")  # the audit's own warnings are judged by its unit tests


def test_hue_and_watermark_that_the_graph_destroys_are_ignored(plants: Plantation) -> None:
    verdicts = plants.verdicts("shape")
    assert verdicts["hue"] is Verdict.IGNORED
    assert verdicts["watermark"] is Verdict.IGNORED
    assert verdicts["label"] is Verdict.USED


def test_the_shortcut_is_used_and_nothing_else_is(plants: Plantation) -> None:
    verdicts = plants.verdicts("hue")
    assert {name for name, verdict in verdicts.items() if verdict is Verdict.USED} == {"hue"}
    for exactly_edited in ("position_x", "position_y", "size"):
        assert verdicts[exactly_edited] is Verdict.IGNORED


def test_both_sides_of_an_xor_are_used_although_neither_is_readable(plants: Plantation) -> None:
    result = plants.audit("xor")
    for feature in ("hue", "watermark"):
        finding = result.finding(feature)
        assert finding.verdict is Verdict.USED
        assert finding.retention.predictive is not None
        assert finding.retention.predictive.high < 0.1


def test_what_the_last_layer_holds_and_the_head_drops_is_encoded_unused(plants: Plantation) -> None:
    result = plants.audit("encoded")
    assert result.finding("hue", "penultimate").verdict is Verdict.ENCODED_UNUSED
    assert result.finding("hue").verdict is Verdict.IGNORED


@pytest.mark.parametrize("plant", ["constant", "whisper"])
def test_a_constant_answer_uses_nothing(plants: Plantation, plant: str) -> None:
    assert Verdict.USED not in plants.verdicts(plant).values()


def test_a_tie_in_the_references_is_named_and_makes_nothing_used(plants: Plantation) -> None:
    result = plants.audit("confounded")
    assert result.finding("hue").verdict is not Verdict.USED
    assert result.finding("hue").verdict is not Verdict.IGNORED  # it is in the logits, by way of the shape
    assert result.finding("label").verdict is not Verdict.IGNORED
    assert any("hue" in limit and "label" in limit and "tied" in limit for limit in result.limits)


@pytest.mark.parametrize("plant", PLOTS)
def test_what_the_autoencoder_cannot_carry_is_not_called_ignored(plants: Plantation, plant: str) -> None:
    gates = {gate.name: gate.passed for gate in plants.audit(plant).gates}
    assert not gates["readable_from_codes:mark"]
    assert plants.verdicts(plant)["mark"] in REFUSED | {Verdict.USED, Verdict.ENCODED_UNUSED}


def test_nothing_that_is_used_is_called_ignored_and_the_scores_hold(plants: Plantation) -> None:
    for plant in PLOTS:
        plants.audit(plant)
    scores = score(plants.rows)
    assert not false_ignored(plants.rows)
    assert scores["precision_ignored"] >= 0.95
    assert scores["precision_used"] >= 0.95
    assert scores["recall_ignored"] >= 0.8  # the goal is 0.9; the quick editor bends hue by two degrees (plant "hue")
    assert scores["recall_used"] >= 0.9
    assert scores["undetermined"] <= 0.15
    assert scores["flip_rate_error"] <= 0.05
