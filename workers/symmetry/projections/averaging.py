"""Averages over the group: linear, and for that a severe loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Orbit, Values

from .projection import State


@dataclass(frozen=True)
class Average:
    """``1/|G| sum_g g z``: all that a *linear* invariant function can know (papers.md 3(a)).

    Of regular fields that is one number per field. Every unit counts in it, also one too quiet for main directions. Of
    units that the group maps to each other one is kept: their averages are the same.
    """

    orbit: Orbit

    name = "average"
    lossless = False

    @property
    def width(self) -> int:
        """Sets of units that the group maps to each other."""
        return len(self._first)

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, width)``."""
        total = values.reshape(len(values), -1)[:, self._first].astype(np.float64)
        for move in self.orbit.moves[1:]:
            total += move(values).reshape(len(values), -1)[:, self._first]
        return (total / len(self.orbit.moves)).astype(np.float32)

    def state(self) -> State:
        """Nothing is fitted."""
        return {}

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """One unit of each set; all units where the group does not merely put them elsewhere."""
        units = np.arange(self.orbit.size)
        if not self.orbit.closed:
            return units
        labels = units.reshape(1, *self.orbit.shape).astype(np.float64)
        return np.unique(self.orbit(labels).min(axis=0)).astype(np.int64)


@dataclass(frozen=True)
class ChannelPool:
    """Mean and largest value of each channel of maps: the average over all shifts, and the peak. Turns keep both."""

    orbit: Orbit

    name = "average"
    lossless = False

    @property
    def width(self) -> int:
        """Two numbers per channel."""
        return 2 * self.orbit.size // int(np.prod(self.orbit.positions))

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, 2 c)``."""
        planes = self.orbit.planes(values)
        pooled = [planes.mean(axis=(2, 3), dtype=np.float64), planes.max(axis=(2, 3))]
        return np.concatenate(pooled, axis=1).astype(np.float32)

    def state(self) -> State:
        """Nothing is fitted."""
        return {}


def averages_of(orbit: Orbit) -> Average | ChannelPool:
    """What stands for every unit beside main directions; of maps that shift or are resampled, for every channel."""
    resampled = orbit.action == "spatial" and not orbit.closed
    return ChannelPool(orbit) if resampled or not orbit.moves else Average(orbit)
