"""What became of a feature: the rules, and that no combination of numbers says more than both audits do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.evidence import gates
from workers.evidence.bootstrap import Interval, resampling_weights
from workers.evidence.changes import Change, EditDifference, EditSide, judge_change
from workers.evidence.differences import Paired, excess_difference
from workers.evidence.verdicts import Verdict

USED, IGNORED = Verdict.USED, Verdict.IGNORED


def interval(low: float, high: float) -> Interval:
    """Its joint bounds; the single ones are half as wide."""
    middle, half = (low + high) / 2, (high - low) / 4
    return Interval(middle, middle - half, middle + half, 0.95, 1000, "planted", low, high)


def paired(low: float, high: float) -> Paired:
    return Paired(interval(0.3, 0.4), interval(0.3, 0.4), interval(low, high))


QUIET = EditSide(frozenset(), 1.0, interval(0, 0.005), interval(0, 0.005))
LOUD = replace(QUIET, floor_flips=interval(0.02, 0.06))


def edit(low: float, high: float, **given: Any) -> EditDifference:
    """An exact edit whose flips differ by ``low`` to ``high``, its probabilities likewise unless ``given``."""
    parts = {"method": "exact", "flips": paired(low, high), "variation": paired(low, high)}
    return EditDifference(**{**parts, "before": QUIET, "after": QUIET, **given})


def of_code(low: float, high: float, **given: Any) -> EditDifference:
    clean = {"clean_flips": paired(low, high), "clean_variation": paired(low, high), "looked": True}
    return edit(low, high, **{"method": "generated", **clean, **given})


def change(*edits: EditDifference, before: Verdict = USED, after: Verdict = USED) -> Change:
    return judge_change(before, after, edits).change


def test_what_turned_round_is_named_where_the_difference_shows_it() -> None:
    assert change(edit(-0.6, -0.4), before=USED, after=IGNORED) is Change.BECAME_IGNORED
    assert change(edit(0.4, 0.6), before=IGNORED, after=USED) is Change.BECAME_USED


@pytest.mark.parametrize("difference", [(-0.03, 0.001), (0.1, 0.2), (-0.01, 0.01)])
def test_two_verdicts_alone_make_no_change(difference: tuple[float, float]) -> None:
    """Neither where the difference may be nothing, nor where it goes the other way, nor is it called the same."""
    judged = judge_change(USED, IGNORED, [edit(*difference)])
    assert judged.change is Change.UNDECIDED
    assert "the difference is not shown" in judged.reasons[0]


@pytest.mark.parametrize("verdicts", [(USED, Verdict.UNDETERMINED), (USED, Verdict.ENCODED_UNUSED), (USED, USED)])
def test_a_difference_alone_makes_nothing_ignored(verdicts: tuple[Verdict, Verdict]) -> None:
    assert change(edit(-0.9, -0.8), before=verdicts[0], after=verdicts[1]) is Change.LESS


ENCODED = Verdict.ENCODED_UNUSED


@pytest.mark.parametrize(
    ("verdicts", "bounds", "expected"),
    [
        ((USED, ENCODED), (-0.019, 0.0), Change.UNDECIDED),
        ((ENCODED, USED), (0.0, 0.019), Change.UNDECIDED),
        ((USED, ENCODED), (0.1, 0.2), Change.UNDECIDED),
        ((ENCODED, USED), (-0.2, -0.1), Change.UNDECIDED),
        ((USED, ENCODED), (-0.2, -0.1), Change.LESS),
        ((ENCODED, USED), (0.1, 0.2), Change.MORE),
        ((ENCODED, IGNORED), (-0.01, 0.01), Change.SAME),
    ],
)
def test_verdicts_that_turned_are_never_called_the_same(
    verdicts: tuple[Verdict, Verdict], bounds: tuple[float, float], expected: Change
) -> None:
    judged = judge_change(*verdicts, [edit(*bounds)])
    assert judged.change is expected
    if expected is Change.UNDECIDED:
        assert judged.reasons[0] == f"It was {verdicts[0]} and is {verdicts[1]}, but the difference is not shown."


MISSED = replace(QUIET, confirmed=0.1)


def test_the_edit_that_decided_is_the_one_whose_numbers_are_told() -> None:
    laid_aside, other = of_code(-0.5, -0.3, after=MISSED), of_code(0.1, 0.2, method="factor")
    judged = judge_change(USED, USED, [laid_aside, other])
    assert (judged.change, judged.deciding) == (Change.MORE, other)
    unclear = of_code(-0.02, 0.3)
    assert judge_change(USED, USED, [unclear, other]).deciding is other
    assert judge_change(USED, USED, [unclear]).deciding is unclear
    assert judge_change(USED, USED, [of_code(-0.01, 0.01)], ["The networks differ."]).deciding is not None


def test_edits_that_nobody_trusts_have_no_numbers() -> None:
    assert judge_change(USED, USED, [of_code(-0.5, -0.3, after=MISSED)]).deciding is None
    assert judge_change(USED, USED, [edit(-0.5, -0.3, after=MISSED), of_code(0.1, 0.2)]).deciding is None
    assert judge_change(USED, USED, []).deciding is None


@pytest.mark.parametrize(
    ("flips", "variation", "expected"),
    [
        ((0.021, 0.1), (0.0, 0.1), Change.MORE),
        ((0.019, 0.1), (0.0, 0.1), Change.UNDECIDED),
        ((-0.01, 0.01), (0.041, 0.1), Change.MORE),
        ((-0.1, -0.021), (-0.1, 0.0), Change.LESS),
        ((-0.019, 0.019), (-0.039, 0.039), Change.SAME),
        ((-0.019, 0.021), (-0.039, 0.039), Change.UNDECIDED),
        ((-0.019, 0.019), (-0.041, 0.039), Change.UNDECIDED),
        ((0.03, 0.1), (-0.1, -0.01), Change.UNDECIDED),
        ((float("nan"), float("nan")), (float("nan"), float("nan")), Change.UNDECIDED),
    ],
)
def test_a_difference_counts_when_its_joint_bound_passes_what_counts_as_an_effect(
    flips: tuple[float, float], variation: tuple[float, float], expected: Change
) -> None:
    assert change(edit(0, 0, flips=paired(*flips), variation=paired(*variation))) is expected


@pytest.mark.parametrize("verdicts", [(Verdict.UNTRUSTED, USED), (USED, Verdict.UNTRUSTED)])
def test_an_audit_that_does_not_trust_itself_shows_no_change(verdicts: tuple[Verdict, Verdict]) -> None:
    assert change(edit(-0.9, -0.8), before=verdicts[0], after=verdicts[1]) is Change.UNDECIDED


@pytest.mark.parametrize(
    "side",
    [
        replace(QUIET, confirmed=0.5), replace(QUIET, confirmed=None),
        replace(QUIET, failed=frozenset({gates.CONSTANT})),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["before", "after"])
def test_edits_that_missed_or_failed_a_check_in_one_audit_show_nothing(side: EditSide, where: str) -> None:
    judged = judge_change(USED, IGNORED, [edit(-0.9, -0.8, **{where: side})])
    assert judged.change is Change.UNDECIDED
    assert judged.reasons[1:], "the numbers are told all the same"


def test_no_edit_of_the_code_speaks_in_the_place_of_an_exact_one() -> None:
    laid_aside = edit(-0.9, -0.8, after=replace(QUIET, confirmed=0.1))
    assert change(laid_aside, of_code(-0.9, -0.8)) is Change.UNDECIDED


def test_a_failed_autoencoder_forbids_edits_of_the_code_alone() -> None:
    failed = replace(QUIET, failed=frozenset({gates.COMPLETENESS}))
    assert change(of_code(-0.9, -0.8, before=failed)) is Change.UNDECIDED
    assert change(edit(-0.9, -0.8, before=failed)) is Change.LESS


def test_what_codes_do_not_hold_hides_an_effect_and_makes_no_change() -> None:
    """Where the second audit's codes lose what its answers look at, an effect that seems to shrink may be there."""
    blind = replace(QUIET, failed=frozenset({gates.ANSWERS}))
    assert change(of_code(-0.9, -0.8, after=blind)) is Change.UNDECIDED
    assert change(of_code(0.8, 0.9, after=blind)) is Change.MORE
    assert change(of_code(0.8, 0.9, before=blind)) is Change.UNDECIDED
    assert change(of_code(-0.01, 0.01, before=blind)) is Change.UNDECIDED
    assert change(edit(-0.9, -0.8, after=blind)) is Change.LESS


def test_a_loud_machinery_hides_as_much_as_it_changes_itself() -> None:
    still = paired(-0.03, 0.03)
    assert change(edit(-0.09, -0.05, variation=still)) is Change.LESS
    assert change(edit(-0.09, -0.05, variation=still, after=LOUD)) is Change.UNDECIDED
    assert change(edit(-0.2, -0.1, variation=still, after=LOUD)) is Change.LESS
    assert change(edit(0.05, 0.09, after=LOUD)) is Change.MORE
    assert change(edit(-0.01, 0.01, after=LOUD)) is Change.UNDECIDED


def test_what_moved_along_with_an_edit_of_the_code_may_be_what_changed() -> None:
    assert change(of_code(0.3, 0.5)) is Change.MORE
    assert (
        change(of_code(0.3, 0.5, clean_flips=paired(-0.1, 0.3), clean_variation=paired(-0.1, 0.1))) is Change.UNDECIDED
    )
    assert change(of_code(0.3, 0.5, clean_flips=None, clean_variation=None)) is Change.UNDECIDED
    assert change(of_code(0.3, 0.5, clean_flips=None, clean_variation=None, looked=False)) is Change.MORE


def test_two_ways_to_edit_must_not_contradict_each_other() -> None:
    factor = {"method": "factor"}
    assert change(of_code(0.3, 0.5), of_code(-0.02, 0.3, **factor)) is Change.MORE
    assert change(of_code(0.3, 0.5), of_code(-0.3, -0.1, **factor)) is Change.UNDECIDED
    assert change(of_code(0.3, 0.5), of_code(-0.01, 0.01, **factor)) is Change.UNDECIDED
    assert change(of_code(-0.01, 0.01), of_code(-0.01, 0.05, **factor)) is Change.UNDECIDED
    assert change(of_code(-0.01, 0.01), of_code(-0.01, 0.01, **factor)) is Change.SAME


def test_nothing_measured_and_any_objection_decide_nothing() -> None:
    assert judge_change(USED, IGNORED, []).change is Change.UNDECIDED
    judged = judge_change(USED, IGNORED, [edit(-0.9, -0.8)], ["The networks differ."])
    assert (judged.change, judged.reasons[0]) == (Change.UNDECIDED, "The networks differ.")


BOUNDS = st.tuples(st.floats(-0.3, 0.3), st.floats(0, 0.2)).map(lambda pair: (pair[0], pair[0] + pair[1]))
SIDES = st.sampled_from([QUIET, LOUD, replace(QUIET, failed=frozenset({gates.ANSWERS})), replace(QUIET, confirmed=0.2)])
EDITS = st.builds(
    lambda exact, flips, variation, before, after: (edit if exact else of_code)(
        0, 0, flips=paired(*flips), variation=paired(*variation), before=before, after=after
    ),
    st.booleans(), BOUNDS, BOUNDS, SIDES, SIDES,
)  # fmt: skip
VERDICTS = st.sampled_from(list(Verdict))


def mirrored(one: EditDifference) -> EditDifference:
    def turned(pair: Paired | None) -> Paired | None:
        if pair is None or pair.difference.joint_low is None or pair.difference.joint_high is None:
            return pair
        return paired(-pair.difference.joint_high, -pair.difference.joint_low)

    kinds = ("flips", "variation", "clean_flips", "clean_variation")
    return replace(one, before=one.after, after=one.before, **{kind: turned(getattr(one, kind)) for kind in kinds})


MIRROR = {Change.MORE: Change.LESS, Change.LESS: Change.MORE, Change.BECAME_USED: Change.BECAME_IGNORED,
          Change.BECAME_IGNORED: Change.BECAME_USED}  # fmt: skip


@given(VERDICTS, VERDICTS, st.lists(EDITS, max_size=3))
def test_swapping_the_audits_turns_every_change_round(
    before: Verdict, after: Verdict, edits: list[EditDifference]
) -> None:
    there, back = judge_change(before, after, edits), judge_change(after, before, [mirrored(one) for one in edits])
    assert back.change is MIRROR.get(there.change, there.change)


@given(VERDICTS, VERDICTS, st.lists(EDITS, max_size=3))
def test_became_ignored_needs_both_verdicts_and_an_effect_that_is_shown_to_shrink(
    before: Verdict, after: Verdict, edits: list[EditDifference]
) -> None:
    if judge_change(before, after, edits).change is Change.BECAME_IGNORED:
        assert (before, after) == (USED, IGNORED)
        uppers = [each.difference.jointly.high for one in edits for each in (one.flips, one.variation)]
        assert min(uppers) < 0


def test_a_feature_that_did_not_change_is_hardly_ever_said_to_have() -> None:
    """Two classifiers with one and the same effect on the same images, from none to half of the answers."""
    rng, weights = np.random.default_rng(0), resampling_weights(400, 300, np.random.default_rng(1))
    said = []
    for rate in np.repeat([-1.0, 0.02, 0.1, 0.5], 75):
        hard = rng.random(400)
        sides = [((hard + 0.1 * rng.standard_normal(400)) < rate).astype(float) for _ in range(2)]
        found = excess_difference(*sides, weights, joint=0.999)
        said.append(change(edit(0, 0, flips=found, variation=found)))
    assert not {Change.MORE, Change.LESS} & set(said)
    assert said[:75].count(Change.SAME) == 75
