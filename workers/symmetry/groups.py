"""The closed list of groups: what may be done to an input without making it another one, as samples of elements."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .motions import Mirror, Motion, Recolour, Relabel, Shift, Turn, Zoom

Shape = tuple[int, int, int]
"""Height, width and channels of an input; a packed graph has other channels than an image (1 or 3)."""

LARGEST_SHIFT = 1 / 7
"""Of the side, so that maps of a side of seven or more cells have a shift by whole cells."""

ZOOMS = (0.8, 0.9, 1.1, 1.25)
TURNS = (*(90.0 * k for k in range(1, 4)), *(360 / 7 * k for k in range(1, 7)))
"""Sample of SO(2) besides the identity: quarter turns, which are exact, and sevenths, none of which is in C8."""

RELABELLINGS = 6


@dataclass(frozen=True)
class Element:
    """One element: what it does to inputs, and whether it does so by moving values alone (``exact``: no resampling)."""

    name: str
    motion: Motion
    exact: bool = True


@dataclass(frozen=True)
class Group:
    """A group, or a sample of one, the identity first.

    ``complete``: the elements are the whole group, in the order of its powers for a cyclic one (``c4``, ``c8``).
    """

    name: str
    elements: tuple[Element, ...]
    complete: bool

    @property
    def identity(self) -> Element:
        """What changes nothing."""
        return self.elements[0]

    @property
    def others(self) -> tuple[Element, ...]:
        """Every element but the identity."""
        return self.elements[1:]

    @property
    def order(self) -> int:
        """How many elements there are, the identity among them."""
        return len(self.elements)


def fitting(shape: Shape) -> tuple[str, ...]:
    """Names of the groups that inputs ``(h, w, c)`` allow, in the order of the contract.

    Graphs allow ``nodes`` alone. ``c4`` and ``c8`` need square pictures (on others a quarter turn changes the shape;
    the half turn is among the flips), ``colours`` three channels.
    """
    height, width, channels = shape
    if channels not in (1, 3):
        return ("nodes",)
    turns = ("c4", "c8") if height == width else ()
    return ("translations", "flips", *turns, "so2", "scale", *(("colours",) if channels == 3 else ()))


def group_for(name: str, shape: Shape, generator: np.random.Generator) -> Group:
    """The group ``name`` on inputs ``(h, w, c)``; ``generator`` draws the sample of node permutations.

    Raises:
        ValueError: the group does not fit such inputs (:func:`fitting`), or nobody knows it.
    """
    if name not in fitting(shape):
        raise ValueError(f"the group {name!r} does not fit inputs of shape {shape}")
    made: dict[str, Callable[[Shape], Group]] = {
        "translations": _translations,
        "flips": _flips,
        "c4": partial(_cyclic, 4),
        "c8": partial(_cyclic, 8),
        "so2": _so2,
        "scale": _scale,
        "colours": _colours,
        "nodes": partial(_nodes, generator=generator),
    }
    return made[name](shape)


def _translations(shape: Shape) -> Group:
    """One pixel, as far as a seventh of the side, and one between; powers of two, as strides are."""
    down, right = _sizes(shape[0]), _sizes(shape[1])
    shifts = [*(Shift(sign * size, 0) for size in down for sign in (1, -1)),
              *(Shift(0, sign * size) for size in right for sign in (1, -1))]  # fmt: skip
    return Group("translations", (_STAY, *(Element(str(shift), shift) for shift in shifts)), complete=False)


def _sizes(side: int) -> tuple[int, ...]:
    powers = [1]
    while 2 * powers[-1] <= side * LARGEST_SHIFT:
        powers.append(2 * powers[-1])
    return tuple(dict.fromkeys((1, powers[len(powers) // 2], powers[-1])))


def _flips(_shape: Shape) -> Group:
    mirrors = (Mirror(False, True), Mirror(True, False), Mirror(True, True))
    return Group("flips", (_STAY, *(Element(str(mirror), mirror) for mirror in mirrors)), complete=True)


def _cyclic(order: int, shape: Shape) -> Group:
    turns = (_turned(360 / order * k, shape) for k in range(1, order))
    return Group(f"c{order}", (_STAY, *turns), complete=True)


def _so2(shape: Shape) -> Group:
    angles = [angle for angle in TURNS if shape[0] == shape[1] or angle not in (90.0, 270.0)]
    return Group("so2", (_STAY, *(_turned(angle, shape) for angle in angles)), complete=False)


def _turned(degrees: float, shape: Shape) -> Element:
    """Exact are quarter turns of a square, and the half turn of anything."""
    turn = Turn(degrees)
    return Element(str(turn), turn, exact=turn.quarters is not None and (shape[0] == shape[1] or degrees == 180))


def _scale(_shape: Shape) -> Group:
    zooms = (Zoom(factor) for factor in ZOOMS)
    return Group("scale", (_STAY, *(Element(str(zoom), zoom, exact=False) for zoom in zooms)), complete=False)


def _colours(shape: Shape) -> Group:
    orders = list(itertools.permutations(range(shape[2])))[1:]
    return Group("colours", (_STAY, *(Element(str(Recolour(o)), Recolour(o)) for o in orders)), complete=True)


def _nodes(shape: Shape, generator: np.random.Generator) -> Group:
    """Permutations of all slots, the empty ones too: the mask moves with its node."""
    orders = {tuple(map(int, generator.permutation(shape[0]))): None for _ in range(RELABELLINGS)}
    orders.pop(tuple(range(shape[0])), None)
    elements = (Element(f"permutation {k}", Relabel(order)) for k, order in enumerate(orders, 1))
    return Group("nodes", (_STAY, *elements), complete=False)


_STAY = Element("identity", Shift(0, 0))
