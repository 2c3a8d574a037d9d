"""The figures of the certificate: a wrong formula here would flatter every release."""

import numpy as np
import pytest

from schemas.audits import SymmetryGroup
from schemas.certificate import PlantedPair, Score
from schemas.results import Symmetry, Verdict
from tests.builders.certificates import dose_response, estimate, screens
from tests.builders.planted_doses import circular_retention, respond, shortcut_score, trigger_scores
from tests.builders.planted_plots import Claim
from tests.builders.planted_retention import retained
from tests.builders.planted_scenes import References, render
from tests.builders.planted_scores import false_ignored, score, symmetry_scores
from tests.builders.planted_screens import compared

IGNORED, USED, UNUSED, UNSURE = Verdict.IGNORED, Verdict.USED, Verdict.ENCODED_UNUSED, Verdict.UNDETERMINED


def pair(truth: str, flips: float, verdict: Verdict, *, plant: str = "p", feature: str = "f") -> PlantedPair:
    return PlantedPair(
        plant=plant, feature=feature, truth=truth, flips=flips, told=estimate(flips + 0.01), kept=flips,
        predictive=estimate(0.0), verdict=verdict, right=None,
    )  # fmt: skip


def scores(*pairs: PlantedPair) -> dict[str, Score]:
    return {one.name: one for one in score(pairs)}


def test_precision_counts_what_was_said_and_recall_what_was_true() -> None:
    found = scores(
        pair("invisible", 0, IGNORED), pair("invisible", 0, UNUSED), pair("invisible", 0, UNSURE),
        pair("carried", 0, IGNORED), pair("used", 0.5, IGNORED),
        pair("used", 0.5, USED), pair("used", 0.5, UNSURE), pair("invisible", 0, USED),
    )  # fmt: skip
    assert found["precision_ignored"].value == pytest.approx(2 / 3)  # ignored: one invisible, one carried, one used
    assert found["recall_ignored"].value == pytest.approx(1 / 4)
    assert found["precision_used"].value == pytest.approx(1 / 2)
    assert found["recall_used"].value == pytest.approx(1 / 3)
    assert found["undetermined"].value == pytest.approx(2 / 8)
    assert found["false_ignored"].value == 1
    assert [found[name].met for name in ("false_ignored", "recall_ignored", "undetermined")] == [False, False, False]


@pytest.mark.parametrize("truth", ["between", "blind spot", "tied", "trigger"])
def test_a_false_ignored_counts_wherever_it_is_said(truth: str) -> None:
    """No kind of truth excuses it, and it is in no precision that could hide it."""
    wrong = pair(truth, 0.02, IGNORED)
    assert false_ignored([wrong]) == [wrong]
    assert not false_ignored([pair(truth, 0.01, IGNORED)])


def test_what_has_no_right_verdict_is_in_no_share_but_that_of_all_refusals() -> None:
    found = scores(pair("blind spot", 0.5, UNSURE), pair("used", 0.5, USED))
    assert (found["undetermined"].value, found["refused_in_all"].value) == (0, 0.5)


def test_errors_are_mean_absolute_differences_where_both_sides_are_known() -> None:
    found = scores(pair("used", 0.5, USED), pair("used", 0.3, USED), pair("between", 0.9, USED))
    assert found["flip_rate_error"].value == pytest.approx(0.01)
    assert found["retention_error"].value == pytest.approx(0.4)
    assert found["generative_error"].value is None


def test_an_empty_grid_scores_nothing_rather_than_everything() -> None:
    assert scores()["precision_ignored"].value is None
    assert scores()["precision_ignored"].met is None


def test_nearest_neighbours_find_the_retention_of_a_linear_gaussian() -> None:
    rng = np.random.default_rng(0)
    number = rng.normal(size=8_000)
    z = np.stack([number + rng.normal(size=8_000), rng.normal(size=8_000)], axis=1)
    assert retained(z, np.stack([number, rng.normal(size=8_000)], axis=1)) == pytest.approx([0.5, 0.0], abs=0.03)
    assert retained(np.zeros((8_000, 3)), number[:, None]) == pytest.approx([0.0])


@pytest.mark.parametrize(("variance", "share"), [(1e-3, 1 - 1e-3), (50.0, 1 / 100)])
def test_retention_of_a_noisy_angle_at_its_limits(variance: float, share: float) -> None:
    """A posterior as narrow as the noise, and one that has hardly moved, ``E(|y| / 2 var)^2 = 1 / 2 var``."""
    assert circular_retention(variance) == pytest.approx(share, rel=0.02)


def test_a_dose_response_is_the_line_through_told_against_truth() -> None:
    points = [one.model_copy(update={"told": estimate(0.5 * one.truth + 0.1)}) for one in dose_response().points]
    found = respond("half", "", points)
    assert (found.slope, found.intercept, found.spearman) == pytest.approx((0.5, 0.1, 1.0))


def test_shortcuts_are_ranked_and_the_smallest_seen_trigger_is_named() -> None:
    twins = [pair("used", rate, USED, plant=f"twin{i}", feature="hue") for i, rate in enumerate((0.0, 0.3, 0.9))]
    assert [one.value for one in shortcut_score(twins)] == [pytest.approx(1.0)]
    seen = {
        one.name: one.value
        for one in trigger_scores([
            pair("trigger", 0.7, USED, plant="trigger_patch", feature="patch"),
            pair("trigger", 0.7, UNSURE, plant="trigger_dot", feature="dot"),
            pair("used", 0.2, USED, plant="trigger30", feature="watermark"),
            pair("between", 0.04, UNSURE, plant="trigger3", feature="watermark"),
        ])
    }  # fmt: skip
    assert seen == {"rarest_trigger": 0.2, "smallest_trigger": 4}


def test_the_grain_is_exactly_what_two_by_two_means_destroy() -> None:
    plain = References(detailed=True).draw(20)
    other = plain.resample("grain", np.random.default_rng(0))
    images, grained = render(plain).astype(int), render(other).astype(int)
    blocks = [one.reshape(20, 10, 2, 10, 2, 3).sum(axis=(2, 4)) for one in (images, grained)]
    assert (images != grained).all()
    np.testing.assert_array_equal(*blocks)


@pytest.mark.parametrize("tie", [0.0, 0.8, 1.0])
def test_hue_gives_the_shape_away_in_the_planted_share_of_pictures(tie: float) -> None:
    scenes = References(tie=tie).draw(4_000)
    given = (scenes.hue - scenes.shape / 4 >= 0) & (scenes.hue - scenes.shape / 4 < 0.1)
    assert given.mean() == pytest.approx(tie + (1 - tie) * 0.1, abs=0.02)


def test_poses_are_scored_apart_and_in_no_share_of_the_answers() -> None:
    """Right at a hidden tap takes the verdict and the words: neither alone is a hit."""
    named, silent, ignored = pair("pose", 0, UNUSED), pair("pose", 0, UNUSED), pair("pose", 0, IGNORED)
    told = [one.model_copy(update={"right": one is named, "tap": "fields"}) for one in (named, silent, ignored)]
    found = {one.name: one for one in symmetry_scores(told, [])}
    assert found["pose_right"].value == pytest.approx(1 / 3)
    assert found["screen_right"].value is None
    assert all(one.value in (None, 0) for one in scores(*told).values() if one.name != "refused_in_all")


def test_a_pose_that_is_used_and_called_ignored_is_counted_as_the_worst() -> None:
    assert scores(pair("pose", 0.5, IGNORED))["false_ignored"].value == 1


def test_the_screen_is_scored_over_what_the_graph_decides() -> None:
    found = {one.name: one for one in symmetry_scores([], screens())}["screen_right"]
    assert (found.value, found.n, found.met) == (0.5, 2, False)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high


@pytest.mark.parametrize(
    ("claim", "state", "action", "right"),
    [
        (("exact", "regular"), "exact", "regular", True),
        (("exact", "regular"), "exact", "identity", False),
        (("exact", "regular"), "approximate", "regular", False),
        (("exact", "regular"), "unclear", "regular", False),
        (("broken", None), "broken", "identity", True),
        (("broken", None), "approximate", "identity", False),
        (("approximate", None), "broken", "identity", None),
        (("approximate", None), "approximate", "identity", None),
        (("approximate", None), "exact", "identity", False),
    ],
)
def test_a_row_of_the_screen_beside_its_claim(claim, state: str, action: str, right: bool | None) -> None:
    truth, by = claim
    told = Symmetry(
        tap="relu", group=SymmetryGroup.C4, action=action, error=estimate(0.1), invariance=estimate(0.2), state=state,
        elements=4,
    )  # fmt: skip
    assert compared("p", Claim("relu", SymmetryGroup.C4, truth, by), told).right is right
