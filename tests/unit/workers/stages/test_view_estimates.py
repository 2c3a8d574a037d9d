"""What probes read with and without the pose, on codes that are known in closed form; and what becomes of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.builders.posed_codes import TAP, PosedCodes, a_row, a_view, quarter_turns
from tests.builders.toy_studios import context
from workers.evidence.bootstrap import Interval
from workers.evidence.effect_states import EffectEvidence
from workers.evidence.family import Family, family
from workers.evidence.readability import read_features
from workers.evidence.retention_states import InvariantEvidence
from workers.evidence.verdicts import Decision, Evidence, decide
from workers.stages.findings import _view_evidence
from workers.stages.intervals import Resampler, Statistician
from workers.stages.retentions import Readers, Retentions, retentions
from workers.stages.stage import StageContext, pack, pack_json
from workers.stages.view_estimates import PoseFreeMeasurements, follows, lost_in, measure_view, view_measures
from workers.symmetry.random_poses import in_random_poses

CODES = PosedCodes.drawn(n=400, noise=0.05)
READERS = Readers({"kind": 1.0, "pose": 1.0}, {"kind": 1.0, "pose": 1.0}, {}, {})
NOTHING = Interval(0.0, -0.005, 0.005, 0.95, 1000, "test")


def by() -> Statistician:
    return Statistician(Resampler(np.random.default_rng(0), 100), Family(0.95, 20))


def wide(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    return ((flat - flat.mean(0)) / np.maximum(flat.std(0), 1e-6)).astype(np.float16)


@cache
def raw() -> Retentions:
    readable = read_features(wide(CODES.values), CODES.columns, np.random.default_rng(0))
    return retentions(["kind", "pose"], readable, None, READERS, by())


def stage(seen: np.ndarray, *, lossless: bool = True, state: str = "exact", **more: bytes) -> StageContext:
    screen = {"symmetries": [a_row(state).model_dump(mode="json")],
              "views": [a_view(lossless=lossless).model_dump(mode="json")]}  # fmt: skip
    turned = in_random_poses(quarter_turns(), CODES.values, np.random.default_rng(3))
    blobs = {"symmetry": pack_json(screen), "invariant": pack({TAP: wide(seen)}), "turned": pack({TAP: wide(turned)})}
    return context("evidence", blobs | more)


def posed(group: str, names: list[str]) -> dict[str, Interval]:
    """Quarter turns change the pose as far as it varies, and the kind not at all."""
    assert group == "c4"
    return {name: Interval(share, share - 0.02, share + 0.02, 0.95, 400, "test")
            for name, share in (("pose", 1.0), ("kind", 0.0)) if name in names}  # fmt: skip


def measured(seen: np.ndarray, **told: object) -> PoseFreeMeasurements:
    found = measure_view(stage(seen, **told), TAP, CODES.columns, raw(), READERS, by(), posed)  # type: ignore[arg-type]
    assert found is not None
    return found


def unused(found: PoseFreeMeasurements, feature: str) -> Decision:
    """The decision where no edit changes an answer."""
    edit = EffectEvidence("exact", NOTHING, NOTHING, NOTHING, 1.0)
    shown = raw().predictive[feature].jointly
    return decide(Evidence(None, shown, (edit,), view=_view_evidence(found, feature)))


def test_the_view_shows_the_kind_and_not_the_pose() -> None:
    assert raw().predictive["kind"].low > 0.9
    assert raw().predictive["pose"].low > 0.9
    found = measured(CODES.projected())
    assert found.by.predictive["kind"].low > 0.9
    assert found.by.predictive["pose"].jointly.high < 0.1
    assert (unused(found, "kind").verdict, unused(found, "kind").pose_only) == ("encoded_unused", False)
    assert (unused(found, "pose").verdict, unused(found, "pose").pose_only) == ("encoded_unused", True)


def test_a_lossy_view_takes_more_than_the_pose_and_random_poses_tell() -> None:
    """Nothing at all is left in this view; the values in random poses hold the kind, and not the pose."""
    nothing = np.random.default_rng(5).standard_normal((len(CODES.values), 4))
    found = measured(nothing, lossless=False)
    assert set(found.turned.predictive) == {"kind", "pose"}
    assert found.turned.predictive["kind"].low > 0.9
    assert unused(found, "pose").pose_only
    assert not unused(found, "kind").pose_only
    assert set(found.posed) == {"kind", "pose"}
    assert any("or the probe does not find it there" in reason for reason in unused(found, "kind").reasons)
    assert unused(found, "kind").verdict == "encoded_unused"


def test_what_no_probe_finds_in_a_lossless_view_is_not_called_pose_for_that() -> None:
    """A view that is told to be lossless, and of which no probe reads even the kind, which every turn leaves alone."""
    found = measured(np.random.default_rng(5).standard_normal((len(CODES.values), 4)))
    assert found.by.predictive["kind"].jointly.high < 0.1
    assert not unused(found, "kind").pose_only
    assert unused(found, "pose").pose_only


def test_samples_and_probe_together_open_no_question_of_pose() -> None:
    shown, low = Interval(0.2, 0.15, 0.25, 0.95, 400, "test"), Interval(0.02, 0.0, 0.05, 0.95, 400, "test")
    of_view = Retentions({}, {}, {"kind": low}, {})
    assert not lost_in("kind", Retentions({}, {"kind": shown}, {"kind": low}, {}), of_view)
    assert lost_in("kind", Retentions({}, {}, {"kind": shown}, {}), of_view)


def test_nobody_looks_at_random_poses_where_nothing_hangs_on_it() -> None:
    assert measured(CODES.projected()).turned == Retentions.none()  # a theorem says enough
    assert set(measured(CODES.projected(), lossless=False).turned.predictive) == {"pose"}
    broken = measured(CODES.projected(), lossless=False, state="broken")
    assert broken.turned == Retentions.none()
    assert not broken.follows
    assert not unused(broken, "pose").pose_only


def test_samples_that_share_the_view_are_heard_too() -> None:
    rng = np.random.default_rng(2)
    kinds = np.repeat(np.eye(2)[CODES.kind[:60], None], 8, axis=1)
    drawn = pack({"reading:kind": kinds, "reading:pose": rng.standard_normal((60, 8, 4))})
    code = rng.standard_normal((60, 4))
    fit = pack({
        "rows": np.arange(60), "v": rng.standard_normal((60, 4)), "nll": np.zeros(60),
        "nll_linear_gaussian": np.ones(60) + 0.1 * rng.random(60), "round_trip": np.full(60, 1e-6), "codes": code,
    })  # fmt: skip
    inputs = {f"invariant:{TAP}": drawn, f"inn@invariant:{TAP}": fit}
    found = measured(CODES.projected(), **inputs)
    assert found.by.generative["kind"].value == pytest.approx(1.0)
    assert found.by.generative["pose"].value < 0.1
    assert found.network is not None
    assert found.network.gain.low > 0.9
    assert view_measures(stage(CODES.projected(), **inputs)) == 3
    assert view_measures(stage(CODES.projected(), lossless=False)) == 3
    assert view_measures(context("evidence")) == 0


def test_a_tap_without_a_view_has_no_measurements_of_one() -> None:
    assert measure_view(context("evidence"), TAP, CODES.columns, raw(), READERS, by(), posed) is None
    assert measure_view(stage(CODES.projected()), "relu_2", CODES.columns, raw(), READERS, by(), posed) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (a_row("exact"), True), (a_row("approximate"), True), (a_row("broken"), False), (a_row("unclear"), False),
        (a_row("exact", action="regular"), False), (a_row("exact", tap="relu_2"), False),
        (a_row("exact", group="flips"), False),
    ],
)  # fmt: skip
def test_only_the_screen_says_that_a_tap_follows(row, expected) -> None:
    assert follows([a_row("broken", group="scale"), row], a_view()) is expected


@pytest.mark.parametrize("way", ["", "_reversed", "_of_c8", "_reversed_of_c8"])
def test_fields_that_turn_the_other_way_follow_too(way: str) -> None:
    """The row of the screen names the kind of action alone, the view also the way its fields turn."""
    view = a_view().model_copy(update={"action": f"regular_interleaved{way}"})
    assert follows([a_row("exact").model_copy(update={"action": "regular_interleaved"})], view)


def test_the_family_counts_what_views_add() -> None:
    assert family(12, 12, 3, 4).comparisons == family(12, 12, 3).comparisons + 12 * 4


def test_joint_bounds_reach_the_verdict() -> None:
    wide_bounds = Interval(0.5, 0.4, 0.6, 0.95, 100, "m", 0.3, 0.7)
    found = PoseFreeMeasurements(
        a_view(), True, Retentions({}, {"hat": wide_bounds}, {"hat": wide_bounds}, {"hat": wide_bounds}),
        Retentions({}, {}, {"hat": wide_bounds}, {"hat": wide_bounds}), None, {"hat": wide_bounds},
    )  # fmt: skip
    joint = wide_bounds.jointly
    assert _view_evidence(found, "hat") == InvariantEvidence("c4", True, True, *[joint] * 6)
