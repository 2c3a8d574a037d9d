"""What an invariant projection is."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Values

State = dict[str, NDArray[np.float64]]


class Projection(Protocol):
    """A function of a tap's values that is the same on a whole orbit: ``h(g z) = h(z)``.

    ``name`` is one of :data:`workers.symmetry.choice.NAMES`.
    """

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether a theorem says that different orbits have different images."""
        ...

    @property
    def width(self) -> int:
        """Values per image."""
        ...

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, width)``, computed in the precision of ``values``."""
        ...

    def state(self) -> State:
        """What was fitted or drawn, by name: enough to build the same function again."""
        ...
