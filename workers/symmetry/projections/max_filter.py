"""Max filters: how well does a template match in its best pose?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Orbit, Values

from .frame import fit_frame, generic_templates
from .projection import State


@dataclass(frozen=True)
class MaxFilters:
    """``h_w(z) = max_g <g w, z>`` for templates ``w``, of values scaled alike in every pose.

    For a finite group that acts on ``R^d`` by isometries, ``2 d`` generic templates tell any two orbits apart, and the
    bank is bilipschitz in the quotient distance (arXiv 2205.14039, 2212.11156). Templates are generic in the span of
    the main directions of the values in all poses, so ``d`` is the number of directions kept; invariance holds for any
    templates.

    Args:
        orbit: its listed elements act; exactly invariant where they are a whole group.
        mean, scale: of each unit, ``(*shape)``.
        templates: ``(t, *shape)``.
    """

    orbit: Orbit
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    templates: NDArray[np.float64]

    name = "max_filters"

    @property
    def lossless(self) -> bool:
        """Whether the theorem covers the whole tap: twice as many templates as it has units, and a whole group."""
        return self.orbit.closed and len(self.templates) >= 2 * self.orbit.size

    @property
    def width(self) -> int:
        """One number per template."""
        return len(self.templates)

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, templates)``."""
        scaled = (values - self.mean.astype(values.dtype)) * self.scale.astype(values.dtype)
        matches = scaled.reshape(len(values), -1) @ self._posed.astype(values.dtype)
        return np.asarray(matches.reshape(len(values), -1, self.width).max(axis=1), dtype=np.float32)

    def state(self) -> State:
        """Units and templates."""
        return {"mean": self.mean, "scale": self.scale, "templates": self.templates}

    @cached_property
    def _posed(self) -> Values:
        """Every template in every pose, as columns ``(units, elements * templates)``."""
        posed = self.orbit(self.templates)
        return posed.reshape(-1, self.orbit.size).T


def fit_max_filters(orbit: Orbit, values: Values, kept: int, rng: np.random.Generator) -> MaxFilters:
    """Twice as many templates as directions of ``values (n, *shape)`` are kept.

    Raises:
        ValueError: the group's elements are not listed.
    """
    if not orbit.moves:
        raise ValueError(f"{orbit.group}: a bank of max filters needs the group's elements one by one")
    frame = fit_frame(orbit, values, kept, rng)
    templates = generic_templates(frame, 2 * len(frame.directions), rng)
    return MaxFilters(orbit, frame.mean, frame.scale, templates)
