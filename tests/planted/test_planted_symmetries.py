"""The symmetry screen and the verdicts on turn and place, of classifiers whose symmetry is known (P8)."""

import pytest

from schemas.audits import SymmetryGroup
from schemas.results import Verdict
from tests.builders.planted_audits import Plantation
from tests.builders.planted_plots import SYMMETRIC

pytestmark = pytest.mark.filterwarnings("default")  # the audit's own warnings are judged by its unit tests


@pytest.mark.plots(*SYMMETRIC)
@pytest.mark.parametrize("plant", list(SYMMETRIC))
def test_the_screen_names_the_right_group_at_the_right_tap(plants: Plantation, plant: str) -> None:
    wrong = [pair for pair in plants.harvest(plant).screens if pair.right is False]
    assert not wrong


@pytest.mark.plots("placed")
def test_the_break_is_named_at_the_tap_that_breaks(plants: Plantation) -> None:
    states = {row.tap: row.state for row in plants.audit("placed").symmetries if row.group is SymmetryGroup.C4}
    assert states == {"group_relu": "exact", "hidden_relu": "broken", "logits": "broken"}


@pytest.mark.plots("c4", "votes", "pointwise")
@pytest.mark.parametrize("plant", ["c4", "votes", "pointwise"])
def test_a_turn_that_the_graph_destroys_is_ignored_at_the_answer(plants: Plantation, plant: str) -> None:
    assert plants.verdicts(plant)["turn"] is Verdict.IGNORED


@pytest.mark.plots("pointwise")
def test_a_pointwise_net_ignores_place(plants: Plantation) -> None:
    verdicts = plants.verdicts("pointwise")
    assert (verdicts["position_x"], verdicts["position_y"]) == (Verdict.IGNORED, Verdict.IGNORED)


@pytest.mark.plots("c4", "votes")
@pytest.mark.parametrize(("plant", "tap"), [("c4", "group_relu"), ("c4", "fields"), ("votes", "votes")])
def test_a_turn_that_survives_as_pose_is_not_used(plants: Plantation, plant: str, tap: str) -> None:
    finding = plants.audit(plant).finding("turn", tap)
    assert finding.verdict is Verdict.ENCODED_UNUSED
    assert finding.pose_only


@pytest.mark.plots("placed")
def test_turn_and_place_are_used_once_a_layer_weighs_them(plants: Plantation) -> None:
    result = plants.audit("placed")
    for feature in ("turn", "position_x", "position_y"):
        for tap in ("group_relu", "hidden_relu", "logits"):
            finding = result.finding(feature, tap)
            assert finding.verdict is Verdict.USED, finding
            assert not finding.pose_only


@pytest.mark.plots("augmented")
def test_a_learned_symmetry_is_not_called_exact(plants: Plantation) -> None:
    rows = [row for row in plants.audit("augmented").symmetries if row.group is SymmetryGroup.C4]
    assert rows
    assert all(row.state != "exact" for row in rows)
