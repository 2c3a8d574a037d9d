"""Values in random poses: all that a tap holds but the pose, still in the tap's own terms (papers.md 3(a)).

A uniformly drawn pose ``g`` makes ``g z`` independent of the pose of ``z`` given its orbit: what can be read from
``g z`` is in the orbit, and whatever the orbit holds is in ``g z``. So unlike a projection it can lose nothing else,
where the moves are a whole group; what it does is to make reading harder.
"""

from __future__ import annotations

import numpy as np

from .node_rows import permuted
from .orbits import Orbit, Values


def in_random_poses(orbit: Orbit, values: Values, rng: np.random.Generator) -> Values:
    """Each of ``values (n, *shape)`` moved by an element drawn evenly and by itself."""
    if orbit.nodes:
        nodes = orbit.shape[orbit.nodes[0]]
        return permuted(orbit, values, rng.permuted(np.tile(np.arange(nodes), (len(values), 1)), axis=1))
    return _listed(orbit, values, rng) if orbit.moves else _shifted(orbit, values, rng)


def _listed(orbit: Orbit, values: Values, rng: np.random.Generator) -> Values:
    drawn, posed = rng.integers(len(orbit.moves), size=len(values)), values.copy()
    for which, move in enumerate(orbit.moves):
        posed[drawn == which] = move(values[drawn == which])
    return posed


def _shifted(orbit: Orbit, values: Values, rng: np.random.Generator) -> Values:
    height, width = orbit.positions
    planes = orbit.planes(values)
    down, right = rng.integers(height, size=len(values)), rng.integers(width, size=len(values))
    rows = (np.arange(height) - down[:, None]) % height  # (n, h)
    columns = (np.arange(width) - right[:, None]) % width  # (n, w)
    moved = np.take_along_axis(planes, rows[:, None, :, None], axis=2)
    return orbit.unplaned(np.take_along_axis(moved, columns[:, None, None, :], axis=3))
