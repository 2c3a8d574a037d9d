"""Canonicalisation: every value in the one pose of its orbit that comes nearest a fixed template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Orbit, Values
from workers.symmetry.quotient import aligned

from .projection import State


@dataclass(frozen=True)
class Canonical:
    """``g z`` for the ``g`` of ``argmin_g |g z - template|``: a point of the orbit itself, so nothing is lost.

    It is **not** continuous: where two poses come as near, a small change of ``z`` makes the image jump. Max filters do
    not have that fault.

    Raises:
        ValueError: values on pairs of nodes, for which no exact alignment is known.
    """

    orbit: Orbit
    template: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(self.orbit.nodes) > 1:
            raise ValueError(f"no exact alignment is known for values of pairs of nodes {self.orbit.shape}")

    name = "canonical"

    @property
    def lossless(self) -> bool:
        """Where the listed elements are a whole group."""
        return self.orbit.closed

    @property
    def width(self) -> int:
        """As the tap's."""
        return self.orbit.size

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, units)``."""
        to = np.broadcast_to(self.template.astype(values.dtype), values.shape)
        return np.asarray(aligned(self.orbit, values, to).reshape(len(values), -1), dtype=np.float32)

    def state(self) -> State:
        """The template."""
        return {"template": self.template}
