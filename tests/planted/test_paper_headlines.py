"""The order of the papers' headline quantities on ColorMNIST; their values stand in the certificate's table."""

import pytest

from schemas.certificate import Headline
from tests.builders.planted_headlines import CODES, Digits, headlines

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def found(digits: Digits) -> list[Headline]:
    return headlines(digits)


def test_the_classifier_scores_the_digit_above_the_codes_and_the_colour_below(found: list[Headline]) -> None:
    """Paper 2: what a classifier of digits keeps, and what it drops of what the autoencoder keeps."""
    robust = {one.name: _value(one) for one in found if one.name.startswith("score:") and "robust" in one.subject}
    codes = {one.name: _value(one) for one in found if one.name.startswith("score:") and CODES in one.subject}
    assert robust["score:label"] > codes["score:label"]
    assert robust["score:hue"] < codes["score:hue"]


def test_the_logits_explain_the_factor_that_the_classifier_was_trained_on(found: list[Headline]) -> None:
    """Paper 4: the digit's factor for one training, the colour's for the other."""
    explained = {
        (one.subject, one.name): _value(one)
        for one in found
        if one.name.startswith("explained:") and "logits" in one.subject
    }
    robust, hue = ({name: value for (subject, name), value in explained.items() if subject.startswith(who)}
                   for who in ("robust", "hue"))  # fmt: skip
    assert robust["explained:label"] > robust["explained:hue"]
    assert hue["explained:hue"] > hue["explained:label"]


def test_drawing_the_digit_anew_changes_the_answer_and_drawing_the_colour_does_not(found: list[Headline]) -> None:
    """Paper 2, network response: the digit's factor moves the class, the colour's hardly does."""
    spread = {one.name: _value(one) for one in found if one.name.startswith("class_std:") and "robust" in one.subject}
    assert spread["class_std:label"] > 1.0
    assert spread["class_std:hue"] < spread["class_std:label"] / 2


def test_inside_the_layer_too_the_answer_rests_on_what_the_classifier_was_trained_on(found: list[Headline]) -> None:
    """Paper 2's own experiment: the factor of a layer drawn anew, and the rest of the network asked."""
    robust, hue = (
        {one.name: _value(one) for one in found if one.name.startswith("layer_") and who in one.subject}
        for who in ("robust", "hue")
    )
    assert robust["layer_class_std:label"] > 2
    assert max(robust["layer_class_std:hue"], robust["layer_class_std:residual"]) < 0.5
    assert robust["layer_flip_rate:hue"] < 0.05
    assert hue["layer_flip_rate:hue"] > 2 * max(hue["layer_flip_rate:label"], hue["layer_flip_rate:residual"])


def _value(one: Headline) -> float:
    assert one.told is not None, one
    return one.told.value
