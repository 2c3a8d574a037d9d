"""Coordinates of the dot-and-interval strips. Shares lie on 0..1; effects on a square-root scale, so that 1 % shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from schemas.results import Estimate

LEFT, LENGTH = 10.0, 258.0
MIDDLE = LEFT + LENGTH / 2
SIGNED = (-100, -50, -20, -5, 5, 20, 50, 100)


@dataclass(frozen=True)
class Strip:
    """Horizontal positions, in the units of the strip's view box (280 wide)."""

    dot: float
    low: float
    high: float
    marks: list[float]
    ticks: list[tuple[float, str]]
    joint: tuple[float, float] | None = None
    """The joint bounds, where the estimate has them."""


def retention_strip(estimate: Estimate, thresholds: list[float]) -> Strip | None:
    """A share on a plain scale from 0 to 100 %; ``None`` when it is not finite."""
    return _strip(estimate, thresholds, root=False, ticks=(0, 25, 50, 75, 100))


def effect_strip(estimate: Estimate, thresholds: list[float]) -> Strip | None:
    """A share of answers on a square-root scale from 0 to 100 %; ``None`` when it is not finite."""
    return _strip(estimate, thresholds, root=True, ticks=(0, 1, 5, 20, 50, 100))


def difference_strip(estimate: Estimate) -> Strip | None:
    """A difference of shares, from -100 to 100 points about the middle, square roots on both sides of nought."""
    if not all(map(math.isfinite, (estimate.value, estimate.low, estimate.high))):
        return None
    joint = _joint_bounds(estimate)
    return Strip(
        dot=_signed(estimate.value),
        low=_signed(estimate.low),
        high=_signed(estimate.high),
        marks=[],
        ticks=difference_ticks(),
        joint=None if joint is None else (_signed(joint[0]), _signed(joint[1])),
    )


def difference_ticks() -> list[tuple[float, str]]:
    """The scale of :func:`difference_strip`."""
    return [(_signed(tick / 100), f"{tick:+d}".replace("-", "\N{MINUS SIGN}")) for tick in SIGNED] + [(MIDDLE, "0")]


def _strip(estimate: Estimate, thresholds: list[float], *, root: bool, ticks: tuple[int, ...]) -> Strip | None:
    if not all(map(math.isfinite, (estimate.value, estimate.low, estimate.high))):
        return None
    return Strip(
        dot=_place(estimate.value, root),
        low=_place(estimate.low, root),
        high=_place(estimate.high, root),
        marks=[_place(value, root) for value in thresholds],
        ticks=[(_place(tick / 100, root), str(tick)) for tick in ticks],
        joint=_joint(estimate, root),
    )


def _joint(estimate: Estimate, root: bool) -> tuple[float, float] | None:
    bounds = _joint_bounds(estimate)
    return None if bounds is None else (_place(bounds[0], root), _place(bounds[1], root))


def _joint_bounds(estimate: Estimate) -> tuple[float, float] | None:
    low, high = estimate.joint_low, estimate.joint_high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return low, high


def _signed(share: float) -> float:
    inside = min(max(share, -1.0), 1.0)
    return round(MIDDLE + LENGTH / 2 * math.copysign(math.sqrt(abs(inside)), inside), 1)


def _place(share: float, root: bool) -> float:
    inside = min(max(share, 0.0), 1.0)
    return round(LEFT + LENGTH * (math.sqrt(inside) if root else inside), 1)
