"""Random linear readings of the average over the group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Orbit, Values

from .averaging import Average
from .projection import State


@dataclass(frozen=True)
class RandomLinear:
    """``A (1/|G| sum_g g z)`` with a random ``A (d, k)``: reading (A) of the paper's "random invariant linear
    projections" (papers.md 3(a)). No more is in it than in the average; what the bank of max filters is compared with.
    """

    average: Average
    matrix: NDArray[np.float64]

    name = "random_linear"
    lossless = False

    @property
    def width(self) -> int:
        """``k``."""
        return int(self.matrix.shape[1])

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, k)``."""
        return (self.average(values) @ self.matrix).astype(np.float32)

    def state(self) -> State:
        """The matrix."""
        return {"matrix": self.matrix}


def draw_random_linear(orbit: Orbit, count: int, rng: np.random.Generator) -> RandomLinear:
    """``count`` generic linear readings."""
    average = Average(orbit)
    return RandomLinear(average, rng.standard_normal((average.width, count)) / np.sqrt(average.width))
