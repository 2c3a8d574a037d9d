"""How a group moves the values of one tap: what every projection and every quotient distance needs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]
Move = Callable[[Values], Values]


@dataclass(frozen=True)
class Orbit:
    """A group that acts on values ``(n, *shape)`` of a tap.

    Args:
        group: one of ``schemas.audits.SymmetryGroup``.
        action: how it acts: ``spatial``, ``regular``, ``regular_interleaved``, ``nodes``.
        shape: of one image's values.
        moves: one function ``(n, *shape) -> (n, *shape)`` per element that is known by name, the identity first; those
            of ``translations`` and of ``nodes`` are too many and go without.
        closed: whether ``moves`` are a whole group and permute the entries exactly: only then are theorems theorems.
        nodes: the axes of ``shape`` that number nodes, where the group permutes them.
        maps: the axes of ``shape`` that are rows and columns, where it has such.
    """

    group: str
    action: str
    shape: tuple[int, ...]
    moves: tuple[Move, ...] = ()
    closed: bool = False
    nodes: tuple[int, ...] = ()
    maps: tuple[int, int] = (1, 2)

    def __call__(self, values: Values) -> Values:
        """Every value in every pose: ``(n, *shape) -> (elements, n, *shape)``."""
        return np.stack([move(values) for move in self.moves])

    @property
    def size(self) -> int:
        """Units of one image's values."""
        return int(np.prod(self.shape))

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of a map."""
        return self.shape[self.maps[0]], self.shape[self.maps[1]]

    def planes(self, values: Values) -> Values:
        """Maps ``(n, *shape)`` with rows and columns last: ``(n, c, h, w)``."""
        return np.moveaxis(values, (1 + self.maps[0], 1 + self.maps[1]), (-2, -1))

    def unplaned(self, planes: Values) -> Values:
        """Inverse of :meth:`planes`."""
        return np.moveaxis(planes, (-2, -1), (1 + self.maps[0], 1 + self.maps[1]))


def shifts_of(shape: tuple[int, ...], maps: tuple[int, int] = (1, 2)) -> Orbit:
    """Circular shifts along two axes of ``shape``, all of them.

    What leaves a real picture does not come in on the other side: on a uniform background that is the same thing, at
    the borders of others it is an approximation.

    Raises:
        ValueError: no map.
    """
    if len(shape) != 3:
        raise ValueError(f"only maps of three axes can be shifted, got {shape}")
    return Orbit("translations", "spatial", shape, closed=True, maps=maps)


def permutations_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> Orbit:
    """Permutations of the nodes that ``axes`` of ``shape`` number, the same one along each.

    Raises:
        ValueError: no such axis, or axes of different length.
    """
    if not axes or max(axes) >= len(shape) or len({shape[axis] for axis in axes}) != 1:
        raise ValueError(f"axes {axes} of {shape} do not number the same nodes")
    return Orbit("nodes", "nodes", shape, closed=True, nodes=axes)


def orbit_of(
    group: str, action: str, shape: tuple[int, ...], moves: tuple[Move, ...], maps: tuple[int, int] = (1, 2)
) -> Orbit:
    """A group whose elements are listed; whether they are a group that acts exactly is tried, not believed."""
    return Orbit(group, action, shape, moves, closed=is_closed(moves, shape), maps=maps)


def is_closed(moves: tuple[Move, ...], shape: tuple[int, ...]) -> bool:
    """Whether moving a generic value twice is moving it once, and its entries are only put elsewhere."""
    generic = np.random.default_rng(0).standard_normal((1, *shape))
    orbit = [move(generic).ravel() for move in moves]
    known = {values.tobytes() for values in orbit}
    entries = np.sort(generic.ravel())
    permuted = all(np.array_equal(np.sort(values), entries) for values in orbit)
    return permuted and all(
        move(values.reshape(1, *shape)).tobytes() in known for values in orbit for move in moves
    )  # fmt: skip
