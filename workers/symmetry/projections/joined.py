"""Several invariant views of one tap, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Values

from .projection import Projection, State


@dataclass(frozen=True)
class Joined:
    """What ``parts`` give, one after the other; as lossless as the best of them. Named after the first."""

    parts: tuple[Projection, ...]

    @property
    def name(self) -> str:
        """Of the first part."""
        return self.parts[0].name

    @property
    def lossless(self) -> bool:
        """Whether a part is."""
        return any(part.lossless for part in self.parts)

    @property
    def width(self) -> int:
        """Of all parts."""
        return sum(part.width for part in self.parts)

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, width)``."""
        return np.concatenate([part(values) for part in self.parts], axis=1)

    def state(self) -> State:
        """That of the parts, whose names must differ."""
        return {name: value for part in self.parts for name, value in part.state().items()}
