"""Sorting: one scalar per node, smallest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.node_rows import node_rows
from workers.symmetry.orbits import Orbit, Values

from .projection import State


@dataclass(frozen=True)
class Sorting:
    """``R^n`` under permutations, by ``sort``: nothing is lost but the order, and distances are those between orbits.

    Rearrangement inequality: ``min_P |z - P z'| = |sort z - sort z'|``. The image ``{z_1 <= ... <= z_n}`` is a closed
    convex cone, so straight lines in it are geodesics of the quotient (papers.md 3(a)). True of **one** scalar per node
    alone: sorting rows by one of their columns keeps neither.

    Raises:
        ValueError: a node holds more than one scalar.
    """

    orbit: Orbit

    def __post_init__(self) -> None:
        if len(self.orbit.nodes) != 1 or self.orbit.size != self.width:
            raise ValueError(f"sorting needs one scalar per node, got values of shape {self.orbit.shape}")

    name = "sorting"
    lossless = True

    @property
    def width(self) -> int:
        """The number of nodes."""
        return self.orbit.shape[self.orbit.nodes[0]]

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, nodes)``."""
        return np.sort(node_rows(self.orbit, values)[..., 0], axis=1).astype(np.float32)

    def state(self) -> State:
        """Nothing is fitted."""
        return {}
