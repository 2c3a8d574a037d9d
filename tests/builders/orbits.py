"""Small groups acting on small taps, for tests of what is left once they are divided out."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.node_rows import permuted
from workers.symmetry.orbits import Move, Orbit, orbit_of, permutations_of, shifts_of

Floats = NDArray[np.floating]


def turn(quarters: int, values: Floats) -> Floats:
    """Maps ``(n, c, h, h)`` turned by quarters."""
    return np.rot90(values, quarters, axes=(2, 3))


def flip(axes: tuple[int, ...], values: Floats) -> Floats:
    """Maps ``(n, c, h, w)`` mirrored."""
    return np.flip(values, axes) if axes else values


def roll_fields(order: int, steps: int, values: Floats) -> Floats:
    """Regular fields: channels ``(n, fields * order)`` shifted within their field."""
    fields = values.reshape(len(values), -1, order)
    return np.roll(fields, steps, axis=2).reshape(values.shape)


def _flips() -> tuple[Move, ...]:
    return tuple(partial(flip, axes) for axes in ((), (3,), (2,), (2, 3)))


def orbit_named(name: str) -> Orbit:
    """One of ``NAMES``."""
    return {
        "c4 on maps": orbit_of("c4", "spatial", (2, 4, 4), tuple(partial(turn, k) for k in range(4))),
        "flips of maps": orbit_of("flips", "spatial", (2, 3, 4), _flips()),
        "c8 on regular fields": orbit_of("c8", "regular", (16,), tuple(partial(roll_fields, 8, k) for k in range(8))),
        "shifts of maps": shifts_of((2, 4, 3)),
        "shifts of maps, channels last": shifts_of((4, 3, 2), (0, 1)),
        "scalars of nodes": permutations_of((6,), (0,)),
        "rows of nodes": permutations_of((5, 3), (0,)),
        "columns of nodes": permutations_of((3, 5), (1,)),
    }[name]


NAMES = (
    "c4 on maps", "flips of maps", "c8 on regular fields", "shifts of maps",
    "shifts of maps, channels last", "scalars of nodes", "rows of nodes", "columns of nodes",
)  # fmt: skip


def moved(orbit: Orbit, values: Floats, rng: np.random.Generator) -> Floats:
    """Each of ``values (n, *shape)`` by a random element of its own."""
    if orbit.nodes:
        nodes = orbit.shape[orbit.nodes[0]]
        return permuted(orbit, values, np.stack([rng.permutation(nodes) for _ in values]))
    if orbit.moves:
        return np.concatenate([orbit.moves[rng.integers(len(orbit.moves))](one[None]) for one in values])
    return np.stack([np.roll(z, rng.integers(12, size=2), axis=orbit.maps) for z in values])
