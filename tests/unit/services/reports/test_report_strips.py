"""Coordinates of the dot-and-interval strips."""

from __future__ import annotations

import pytest

from services.reports.strips import (
    LEFT,
    LENGTH,
    MIDDLE,
    difference_strip,
    difference_ticks,
    effect_strip,
    retention_strip,
)
from tests.builders.results import estimate
from tests.builders.views import joint


def test_shares_lie_on_a_plain_scale() -> None:
    strip = retention_strip(estimate(0.5, 0.1), [0.05])
    assert strip is not None
    expected = [LEFT + share * LENGTH for share in (0.4, 0.5, 0.6)]
    assert [strip.low, strip.dot, strip.high] == pytest.approx(expected, abs=0.05)
    assert strip.marks == [round(LEFT + 0.05 * LENGTH, 1)]


def test_effects_lie_on_a_root_scale_and_stay_inside() -> None:
    strip = effect_strip(estimate(0.01, 0.02), [0.04])
    assert strip is not None
    assert strip.low == LEFT
    assert strip.dot == round(LEFT + 0.1 * LENGTH, 1)
    assert strip.marks == [round(LEFT + 0.2 * LENGTH, 1)]
    assert strip.ticks[-1] == (LEFT + LENGTH, "100")


def test_no_strip_without_a_number() -> None:
    assert retention_strip(estimate(float("nan")), []) is None


def test_joint_bounds_are_drawn_around_the_interval_where_there_are_any() -> None:
    told = joint(estimate(0.5, 0.1), more=0.5)
    assert told is not None
    strip = retention_strip(told, [])
    assert strip is not None
    assert strip.joint == pytest.approx([LEFT + share * LENGTH for share in (0.35, 0.65)], abs=0.05)
    assert strip.joint is not None
    assert strip.joint[0] < strip.low < strip.high < strip.joint[1]
    plain = retention_strip(estimate(0.5), [])
    assert plain is not None
    assert plain.joint is None


@pytest.mark.parametrize("share", [0.003, 0.05, 0.6])
def test_differences_lie_on_either_side_of_nought_alike(share: float) -> None:
    more, fewer = difference_strip(estimate(share, 0.001)), difference_strip(estimate(-share, 0.001))
    assert more is not None
    assert fewer is not None
    assert more.dot > MIDDLE > fewer.dot
    assert (more.dot - MIDDLE, more.high - more.dot) == pytest.approx((MIDDLE - fewer.dot, fewer.dot - fewer.low))


def test_what_reaches_over_nought_crosses_the_middle_and_stays_inside() -> None:
    strip = difference_strip(joint(estimate(0.01, 0.05)).model_copy(update={"joint_low": -2.0}))
    assert strip is not None
    assert strip.low < MIDDLE < strip.high
    assert strip.joint is not None
    assert strip.joint[0] == LEFT
    assert (MIDDLE, "0") in strip.ticks
    assert (LEFT + LENGTH, "+100") in difference_ticks()
    assert difference_strip(estimate(float("nan"))) is None
