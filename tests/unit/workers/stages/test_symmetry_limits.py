"""What the limits and reasons say of symmetry: what was tried, what was not, and what raw codes hid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from schemas.audits import SymmetryGroup
from schemas.results import InvariantView
from tests.builders.posed_codes import a_row, a_view
from workers.evidence import gates as checks
from workers.evidence.bootstrap import Interval
from workers.evidence.independence import Independence
from workers.evidence.poses import POSES, pose_of
from workers.stages.findings import _misaligned, misaligned
from workers.stages.gates import _tap_gates, gates_of
from workers.stages.network_checks import NetworkChecks
from workers.stages.retentions import Retentions
from workers.stages.symmetry_limits import group_limits, posefree_limits
from workers.stages.view_estimates import PoseFreeMeasurements


def test_every_group_has_words_for_its_pose() -> None:
    assert set(POSES) == {group.value for group in SymmetryGroup}
    assert pose_of("c4") == "quarter turns"
    assert pose_of("something new") == "something new"


def test_screened_declared_and_ungroup_limits_are_told_apart() -> None:
    said, *rest = group_limits([a_row(), a_row(group="flips", declared=True), a_row(tap="relu_2", state="broken")])
    assert said.startswith("Screened for symmetry: c4 (quarter turns). ")
    assert "Declared to be a symmetry, and tested: flips (mirroring)." in said
    assert said.endswith("any group outside this list.")
    assert "translations" in said.split("Not tested:")[1]
    assert "c4" not in said.split("Not tested:")[1]
    assert rest == []


def test_nothing_tested_is_said_too() -> None:
    [said] = group_limits([])
    assert said.startswith("No symmetry was tested")


@pytest.mark.parametrize(
    ("state", "action", "warned"),
    [("approximate", "spatial", True), ("exact", "spatial", False), ("approximate", "identity", False)],
)
def test_symmetry_by_training_alone_is_warned_of(state, action, warned) -> None:
    words = group_limits([a_row(state, action=action)])
    assert any("only by training" in sentence and "relu_1" in sentence for sentence in words) is warned


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 1000, "test")


def read(low: float, high: float) -> Retentions:
    return Retentions({}, {}, {"kind": interval(low, high)}, {})


CHECKS = NetworkChecks(interval(1, 2), Independence(0.0, 0.0), 1e-6)


def tap(raw: Retentions, view: Retentions | None, described: InvariantView | None = None, **more: Any) -> Any:
    posefree = None
    if view is not None:
        posefree = PoseFreeMeasurements(described or a_view(), True, view, Retentions.none(), more.get("fitted"))
    return SimpleNamespace(raw=raw, posefree=posefree, network=CHECKS)


def test_what_misaligned_codes_hide_is_told_with_both_numbers() -> None:
    hidden = tap(read(0.25, 0.35), read(0.75, 0.85))
    assert misaligned(hidden, "kind")
    [said] = _misaligned(hidden, "kind")
    assert "0.30 (0.25 to 0.35) of it from the raw values" in said
    assert "0.80 (0.75 to 0.85) once the pose (quarter turns)" in said
    [limit] = posefree_limits(SimpleNamespace(taps={"relu_1": hidden}))  # type: ignore[arg-type]
    assert limit == "Misaligned raw codes of relu_1 hide from the probe: kind (0.30, without its pose 0.80)."


@pytest.mark.parametrize("view", [None, read(0.3, 0.4), read(0.0, 0.1), Retentions.none()])
def test_nothing_is_said_to_be_hidden_within_the_intervals(view) -> None:
    found = tap(read(0.25, 0.35), view)
    assert not misaligned(found, "kind")
    assert _misaligned(found, "kind") == []
    assert posefree_limits(SimpleNamespace(taps={"relu_1": found})) == []  # type: ignore[arg-type]


def test_a_view_that_may_have_lost_more_than_the_pose_is_a_limit() -> None:
    lossy = tap(read(0.2, 0.3), read(0.2, 0.3), a_view(lossless=False))
    [said] = posefree_limits(SimpleNamespace(taps={"relu_1": lossy}))  # type: ignore[arg-type]
    assert "drops more than the pose" in said


def test_the_network_of_the_view_has_gates_of_its_own_and_none_compares_the_two() -> None:
    both = _tap_gates("relu_1", SimpleNamespace(taps={"relu_1": tap(read(0, 1), read(0, 1), fitted=CHECKS)}))  # type: ignore[arg-type]
    names = [gate.name for gate in both]
    assert names[:3] == [f"{kind}:relu_1" for kind in checks.NETWORK]
    assert names[3:] == [f"{checks.of_view(kind)}:relu_1" for kind in checks.NETWORK]
    assert all(gate.detail.startswith("without its pose: ") for gate in both[3:])
    assert gates_of(both, "kind", "relu_1") == both
    assert gates_of(both, "kind", "relu_2") == []
    plain = _tap_gates("relu_1", SimpleNamespace(taps={"relu_1": tap(read(0, 1), read(0, 1))}))  # type: ignore[arg-type]
    assert [gate.name for gate in plain] == names[:3]
