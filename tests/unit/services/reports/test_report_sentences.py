"""The verdict sentences: from the finding's own numbers, and never more than they say."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from schemas.results import Effect, Finding, Retention, Verdict
from services.reports.formatting import NO_BREAK, SPACE
from services.reports.sentences import headline_retention, name, sentence
from tests.builders.results import estimate, finding


def words(markup: Markup) -> str:
    return Markup(re.sub(r"<[^>]+>", "", markup)).unescape().replace(SPACE, " ").replace(NO_BREAK, " ")


def test_ignored() -> None:
    assert words(sentence("demo-robust", finding("hue", lost=1.0))) == (
        "demo-robust ignores hue: changing only hue changed 0.3 % of answers (95 % CI −0.1 to 0.7 %), and 2.0 % of its "
        "variation can be read from the answer scores (95 % CI 0–4.0 %)."
    )


def test_used() -> None:
    assert words(sentence("m", finding("slant", verdict=Verdict.USED))) == (
        "m uses slant: changing only slant changed 14 % of answers (95 % CI 12–16 %)."
    )


def test_encoded_but_unused() -> None:
    text = words(sentence("m", finding("size", verdict=Verdict.ENCODED_UNUSED, lost=1.0)))
    assert text.startswith("m sees size but does not act on it: 57 % of its variation can be read")
    assert "yet changing only size changed 0.2 % of answers" in text


def test_undetermined_claims_neither() -> None:
    text = words(sentence("m", finding("blur", verdict=Verdict.UNDETERMINED)))
    assert text.startswith("Whether m uses blur is not decided: changing only blur changed 2.4 %")
    assert text.endswith("The interval of the flip rate reaches across the threshold.")


def test_untrusted_gives_no_number() -> None:
    text = words(sentence("m", finding("x", verdict=Verdict.UNTRUSTED)))
    assert text == "No statement about x in m. The gate round trip failed, and this verdict rests on it."


@pytest.mark.parametrize("verdict", Verdict)
def test_missing_measurements_are_named_not_invented(verdict: Verdict) -> None:
    bare = Finding(feature="x", tap="logits", verdict=verdict, retention=Retention(), effect=Effect(), reasons=[])
    text = words(sentence("m", bare))
    assert "%" not in text
    assert "None" not in text
    assert verdict is Verdict.UNTRUSTED or "was not measured" in text


def test_a_negative_rate_of_change_is_written_as_none() -> None:
    effect = Effect(flip_rate=estimate(-0.004, 0.003))
    bare = Finding(feature="x", tap="logits", verdict=Verdict.IGNORED, retention=Retention(), effect=effect, reasons=[])
    assert "changed 0 % of answers (95 % CI −0.7 to −0.1 %)" in words(sentence("m", bare))


def test_the_less_flattering_retention_is_the_headline() -> None:
    low, high = estimate(0.02), estimate(0.3)
    assert headline_retention(Retention(generative=low, predictive=high)) is high
    assert headline_retention(Retention(generative=high, predictive=low)) is high
    assert headline_retention(Retention(generative=None, predictive=low)) is low
    assert headline_retention(Retention()) is None


def test_names_are_escaped_isolated_and_keep_their_full_text_in_the_title() -> None:
    assert name('<b>"') == '<bdi class="name">&lt;b&gt;&#34;</bdi>'
    long = "x" * 200
    assert f'title="{long}"' in name(long)
    assert len(name(long).striptags()) == 48


@pytest.mark.parametrize("verdict", [Verdict.IGNORED, Verdict.USED, Verdict.ENCODED_UNUSED, Verdict.UNDETERMINED])
def test_every_edit_is_quoted_not_the_flattering_one(verdict: Verdict) -> None:
    first, second = Effect(flip_rate=estimate(0.003, 0.002)), Effect(flip_rate=estimate(0.015, 0.004))
    found = finding("hat", verdict=verdict).model_copy(update={"effect": first, "other_effects": [second, Effect()]})
    text = words(sentence("m", found))
    assert "changing only hat changed 0.3 % of answers (95 % CI 0.1–0.5 %), and in another way 1.5 %" in text
    assert text.count("in another way") == 1


def test_moving_the_whole_picture_is_not_told_as_changing_the_feature_only() -> None:
    acted = Effect(flip_rate=estimate(0.4, 0.1), method="mirroring the whole picture", alone=False)
    bare = finding("hat", verdict=Verdict.UNDETERMINED)
    text = words(sentence("m", bare.model_copy(update={"other_effects": [acted]})))
    assert "in another way" not in text
    assert "(mirroring the whole picture, which moves other things too: 40 %," in text
