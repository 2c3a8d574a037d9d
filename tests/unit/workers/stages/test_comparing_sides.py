"""Which images, features and taps of two audits go together, and what their answers come to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from schemas.results import FeatureSource
from tests.builders.compared_sides import NETWORKS, N, attribute, by, effects, side, taps_of
from workers.evidence import gates
from workers.stages.comparing.answers import compare_answers, one_kind
from workers.stages.comparing.effects import common_edits, edit_differences, failed_kinds
from workers.stages.comparing.sides import Sides, matched
from workers.stages.comparing.words import limits_of


@given(
    arrays.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 40), unique=True),
    arrays.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 40), unique=True),
)
def test_pairs_are_of_one_image_each_and_none_is_left_out(before: np.ndarray, after: np.ndarray) -> None:
    first, second = matched(before, after)
    assert (before[first] == after[second]).all()
    assert len(first) == len(set(before) & set(after))


def test_images_are_paired_whatever_the_order_of_the_references() -> None:
    """The very same images flip in both audits; each audit has them in its own order."""
    rng = np.random.default_rng(1)
    flips, order = (rng.random(N) < 0.4).astype(float), rng.permutation(N)
    before = side("before", changed=effects("age", np.arange(N), flips))
    after = side("after", references=order, changed=effects("age", np.arange(N), flips[order]))
    (found,) = edit_differences(Sides(before, after), "age", by())
    assert found.flips.before.value == found.flips.after.value
    assert (found.flips.difference.value, found.flips.difference.n) == (0, N)
    assert found.flips.difference.high < 0.15, "unpaired it would be about 0.25"


def test_only_images_with_an_edit_in_both_audits_count() -> None:
    flips = np.ones(N)
    missing = flips.copy()
    missing[:20] = np.nan
    before = side("before", changed=effects("age", np.arange(N), missing))
    after = side("after", changed=effects("age", np.arange(30), flips[:30]))
    (found,) = edit_differences(Sides(before, after), "age", by())
    assert found.flips.difference.n == 10


def test_clean_edits_count_where_both_audits_looked() -> None:
    flips, rows = np.ones(N), np.arange(N)
    clean = {"clean_flips:age": np.zeros(N), "clean_variation:age": np.zeros(N)}
    looked = side("before", changed=effects("age", rows, flips, **clean))
    (found,) = edit_differences(Sides(looked, looked), "age", by())
    assert found.looked
    assert found.clean_flips is not None
    assert found.clean_flips.before.value == 0
    (half,) = edit_differences(Sides(looked, side("after", changed=effects("age", rows, flips))), "age", by())
    assert half.looked
    assert half.clean_flips is None, "one side cannot stand for both"


def test_edits_by_other_networks_are_not_compared() -> None:
    changed = effects("age", np.arange(N), np.ones(N))
    other = side("after", changed=changed, networks={**NETWORKS, "editor": "b" * 64})
    sides = Sides(side("before", changed=changed), other)
    assert not sides.comparable("age")
    assert common_edits(sides, "age") == {}


def test_what_nobody_named_is_one_thing_only_where_one_network_found_it() -> None:
    found = attribute("factor 1", FeatureSource.DISCOVERED)
    networks = [{**NETWORKS, "discovered": digest * 64} for digest in "ab"]
    one, two = (
        side(name, networks=own, features=[found]) for name, own in zip(("before", "after"), networks, strict=True)
    )
    assert Sides(one, one).features == ["factor 1"]
    assert Sides(one, two).features == []


def test_taps_go_by_name_and_shape_and_the_logits_always() -> None:
    wider = taps_of(13, 5)
    sides = Sides(side("before"), side("after", taps=wider))
    assert sides.taps == ["logits"]
    assert Sides(side("before"), side("after")).taps == ["hidden", "logits"]
    assert any("Taps" in words or "tap" in words for words in limits_of(sides, compare_answers(sides)))


def test_gates_that_bear_on_a_feature_are_told_by_their_kind() -> None:
    failed = (
        gates.COMPLETENESS,
        f"{gates.READABILITY}:age",
        f"{gates.CARRIED}:other",
        f"{gates.ROUND_TRIP}:hidden",
    )
    assert failed_kinds(side("before", failed=failed), "age") == {gates.COMPLETENESS, gates.READABILITY}


def one_hot(answers: np.ndarray) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[answers]


def test_answers_agree_by_the_names_of_their_classes() -> None:
    answers = np.arange(N) % 3
    before = side("before", logits=one_hot(answers), outputs=["a", "b", "c"])
    after = side("after", logits=one_hot((answers + 1) % 3), outputs=["c", "a", "b"])
    found = compare_answers(Sides(before, after))
    assert found.agreement is not None
    assert found.agreement.value == 1
    for outputs in (["a", "b", "z"], None):
        other = side("after", logits=one_hot(answers), outputs=outputs)
        unknown = compare_answers(Sides(before, other))
        assert unknown.agreement is None, outputs
        assert any("cannot be known" in words for words in limits_of(Sides(before, other), unknown))


def test_accuracy_is_paired_over_the_same_images() -> None:
    labels = np.arange(N) % 3
    wrong = labels.copy()
    wrong[:6] = (labels[:6] + 1) % 3
    sides = Sides(
        *(side(name, logits=one_hot(said), labels=labels) for name, said in (("before", labels), ("after", wrong)))
    )
    found = compare_answers(sides).accuracy
    assert found is not None
    assert found.difference.value == pytest.approx(-0.1)
    assert compare_answers(Sides(side("before"), side("after"))).accuracy is None


def test_labels_that_do_not_exclude_each_other_agree_when_all_of_them_do() -> None:
    logits = np.tile(np.array([[2.0, 1.0, -1.0]], dtype=np.float32), (N, 1))
    other = logits.copy()
    other[:15, 1] = -1.0
    sides = Sides(side("before", logits=logits, independent=True), side("after", logits=other, independent=True))
    found = compare_answers(sides)
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(0.75), "the leading label is the same in all of them"


def test_one_class_and_many_labels_are_not_one_kind_of_answer() -> None:
    sides = Sides(side("before"), side("after", independent=True))
    found = compare_answers(sides)
    assert not one_kind(sides)
    assert found.agreement is None
    assert any("not the same thing" in words for words in limits_of(sides, found))


@pytest.mark.parametrize(
    ("told", "words"),
    [({"seed": 7}, "Seeds differ (0, 7)"), ({"profile": "full"}, "Profiles differ (quick, full)"),
     ({"versions": {"stages": "3"}}, "made by another release (stages 3")],
)  # fmt: skip
def test_settings_that_differ_are_told(told: dict[str, Any], words: str) -> None:
    sides = Sides(side("before"), side("after", **told))
    assert any(words in limit for limit in limits_of(sides, compare_answers(sides)))
    alike = Sides(side("before"), side("after"))
    assert not any(words in limit for limit in limits_of(alike, compare_answers(alike)))
