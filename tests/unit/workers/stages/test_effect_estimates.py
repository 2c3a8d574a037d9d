"""From the arrays that the edits left to what a verdict rests on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from schemas.results import FeatureSource
from workers.evidence.bootstrap import Interval
from workers.evidence.family import Family
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.evidence.retention_states import Tied
from workers.evidence.strata import Stratum, Tie
from workers.intake.attributes import is_usable_name
from workers.stages.edits import FACTOR_EDIT
from workers.stages.effect_estimates import edit_keys, measure_edit
from workers.stages.effects import CONTROL
from workers.stages.features import AuditedFeature
from workers.stages.findings import evidence_of
from workers.stages.intervals import Resampler, Statistician
from workers.stages.limits import _tied
from workers.stages.retentions import Retentions

N = 400


def feature() -> AuditedFeature:
    column = FeatureColumn("hat", "categorical", np.arange(N) % 2.0, n_categories=2)
    return AuditedFeature("hat", FeatureSource.ATTRIBUTE, column, fit_encoding(column))


def left(key: str, flips: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
    """What a stage of before this release left: flips, variation, floors, hits."""
    quiet = np.zeros(N)
    old = {"flips": flips, "variation": flips, "floor_flips": quiet, "floor_variation": quiet,
           "confirmed": np.array([0.9])}  # fmt: skip
    return {f"{name}:{key}": values for name, values in {**old, **more}.items()}


@pytest.fixture
def by(rng: np.random.Generator) -> Statistician:
    return Statistician(Resampler(rng, 200), Family(0.95, 40))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_edits_that_hit_nowhere_are_no_edits_and_the_factor_is_a_second_one() -> None:
    flips, none = np.zeros(N), np.full(N, np.nan)
    assert edit_keys(feature(), left("hat", flips)) == [("hat", "generated")]
    assert edit_keys(feature(), left("hat", none) | left("hat" + FACTOR_EDIT, flips)) == [
        ("hat" + FACTOR_EDIT, "factor")
    ]
    assert [m for _, m in edit_keys(feature(), left("hat", flips) | left("hat" + FACTOR_EDIT, flips))] == [
        "generated",
        "factor",
    ]
    assert edit_keys(feature(), {}) == []


@pytest.mark.parametrize("other", ["hat@factor", "hat factor", "control:constant"])
def test_no_column_can_be_called_like_an_edit(other: str) -> None:
    """Its own edits would be taken for those of another feature."""
    assert edit_keys(feature(), left(other, np.zeros(N))) == []
    assert not any(is_usable_name(name) for name in ("hat" + FACTOR_EDIT, CONTROL))


def test_what_nobody_measured_is_none(by: Statistician) -> None:
    found = measure_edit(left("hat", np.zeros(N)), "hat", "generated", by)
    assert (found.estimate.clean_flip_rate, found.logit_change, found.collateral) == (None, None, None)
    assert found.confirmed == 0.9
    assert found.estimate.flip_rate.joint_high is not None
    assert found.estimate.flip_rate.joint_high > found.estimate.flip_rate.high


def test_what_was_measured_is_there(by: Statistician, rng: np.random.Generator) -> None:
    flips = (rng.random(N) < 0.3).astype(float)
    half = np.where(np.arange(N) < 200, flips, np.nan)
    more = left(
        "hat", flips, clean_flips=half, clean_variation=half, logits=flips + 1, floor_logits=np.ones(N),
        hits=np.array([0.97]), reached=np.array([0.8]), collateral=np.array([np.nan]),
    )  # fmt: skip
    found = measure_edit(more, "hat", "generated", by)
    assert found.estimate.clean_flip_rate is not None
    assert found.estimate.clean_flip_rate.n == 200
    assert found.logit_change is not None
    assert found.logit_change.value == pytest.approx(flips.mean())
    assert found.collateral is None  # no hit to look at
    assert (found.hits, found.confirmed, found.reached) == (0.97, 0.9, 0.8)
    assert 0.02 < found.detectable < 0.1
    fewer = measure_edit(
        {**more, "clean_flips:hat": np.where(np.arange(N) < 100, flips, np.nan)}, "hat", "generated", by
    )
    assert fewer.detectable > found.detectable  # presence has to be shown by clean edits
    noisy = measure_edit({**more, "floor_flips:hat": np.full(N, 0.1)}, "hat", "generated", by)
    assert noisy.detectable > found.detectable  # and beyond the machinery's own flips


def test_limits_name_the_ties_and_what_cannot_be_separated() -> None:
    nothing = np.zeros((0, 1))
    strata = {
        "hue": Stratum("hue", (Tie("label", 0.8),), 0.2, nothing, nothing),
        "hat": Stratum("hat", (Tie("label", 1.0),), 0.0, nothing, nothing),
    }
    first, second = _tied(strata)
    assert "hue is tied in these references to label (80%)" in first
    assert "within strata" in first
    assert "not separable in these references" in second


def test_verdicts_rest_on_joint_bounds(by: Statistician) -> None:
    """Pointwise the effect would be absent: three flips in four hundred edits."""
    found = measure_edit(left("hat", (np.arange(N) < 3).astype(float)), "hat", "generated", by)
    wide = Interval(0.5, 0.4, 0.6, 0.95, N, "m", 0.3, 0.7)
    empty = Interval(0.0, 0.0, 0.01, 0.95, N, "m", 0.0, 0.02)
    tap = SimpleNamespace(raw=Retentions({}, {"hat": wide}, {"hat": empty}, {}), posefree=None)
    evidence = evidence_of(tap, "hat", [found], Tied(("label",), True, wide))
    assert evidence.effects[0].flip_rate.high == found.estimate.flip_rate.joint_high
    assert evidence.generative.low == 0.3
    assert evidence.predictive.high == 0.02
    assert evidence.tied.stratified.low == 0.3
    assert evidence.effects[0].confirmation == 0.9
