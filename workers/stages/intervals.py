"""How the intervals of one audit are made: shared resamples of its images, and the level of its joint bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import (
    Interval,
    calibrate_interval,
    resampling_weights,
    retained_interval,
    unknown_interval,
)
from workers.evidence.estimators import Shares
from workers.evidence.family import Family
from workers.evidence.thresholds import DEFAULT


@dataclass
class Resampler:
    """Bootstrap weights by number of images: one matrix serves every estimate over the same images."""

    rng: np.random.Generator
    resamples: int
    made: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def __call__(self, n: int) -> NDArray[np.float32]:
        """Weights ``(resamples, n)``."""
        if n not in self.made:
            self.made[n] = resampling_weights(n, self.resamples, self.rng)
        return self.made[n]


@dataclass(frozen=True)
class Statistician:
    """How intervals of this audit are made: shared resamples, and the level of the joint bounds."""

    weights: Resampler
    family: Family

    @property
    def joint(self) -> float:
        """Level of one joint interval."""
        return self.family.each

    def retained(self, shares: Shares, floor: float, ceiling: float) -> Interval | None:
        """A calibrated retention; ``None`` where it is not defined; 0 to 1 where the reading is worse than none at all.

        Clipped to 0 such a one would pass for absence, which it does not show.
        """
        raw = retained_interval(shares, self.weights(len(shares.part)), joint=self.joint)
        if raw.value < floor - DEFAULT.misled:
            return unknown_interval(raw, f"nothing is shown: read worse ({raw.value:.2g}) than by the mean alone")
        return calibrate_interval(raw, floor, ceiling, room=DEFAULT.calibration_room, joint=self.joint)
