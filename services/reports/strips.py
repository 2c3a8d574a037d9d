"""Coordinates of the dot-and-interval strips. Shares lie on 0..1; effects on a square-root scale, so that 1 % shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from schemas.results import Estimate

LEFT, LENGTH = 10.0, 258.0


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
    low, high = estimate.joint_low, estimate.joint_high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return _place(low, root), _place(high, root)


def _place(share: float, root: bool) -> float:
    inside = min(max(share, 0.0), 1.0)
    return round(LEFT + LENGTH * (math.sqrt(inside) if root else inside), 1)
