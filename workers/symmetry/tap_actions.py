"""Known actions on a tap's values: what an equivariant network would do to them when its input is moved.

Values are ``(n, *shape)``. Maps are ``(c, h, w)`` or ``(h, w, c)``, recognised by the shape of the picture. Fields of
a cyclic group's order in the channels (regular representation, Cohen and Welling 2016) lie side by side, ``(C, |G|)``,
or strided, ``(|G|, C)``, or have an axis of their own; a turn by one step shifts them by one place. In which direction
they are numbered is the network's own convention, so both are known: ``regular`` counts as the turns do,
``..._reversed`` the other way. Quarter turns also shift fields of C8, by two places: ``..._of_c8``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .groups import Element, Group
from .motions import Recolour, Relabel, Shift, Turn, Zoom
from .planes import moved

Shape = tuple[int, ...]
Size = tuple[int, int]
"""Height and width of an input; for graphs both are the number of nodes."""
Values = NDArray[Any]

IDENTITY, SPATIAL, NODES = "identity", "spatial", "nodes"
REGULAR = ("regular", "regular_interleaved", "regular_reversed", "regular_interleaved_reversed")
CYCLIC = {"c4": 4, "c8": 8}
OF_C8 = "_of_c8"
MAPPED = ("translations", "flips", "c4", "c8", "so2", "scale")
LIKE = 0.8
"""How like the picture's the proportions of a map must be; without padding those of a long picture change a little."""
MARGIN = 1 / 4
"""Share of a map's side that is left out at each border when it shifts: padding does not shift with the picture."""


def actions_for(group: Group, shape: Shape, input_size: Size) -> tuple[str, ...]:
    """Actions of ``group`` that a tap of ``shape`` allows, the identity first."""
    found = [IDENTITY]
    axes = map_axes(shape, input_size)
    if group.name in MAPPED and axes and any(covers(e, SPATIAL, shape, input_size) for e in group.others):
        found.append(SPATIAL)
    if group.name in CYCLIC:
        known = REGULAR if group.name == "c8" else (*REGULAR, *(action + OF_C8 for action in REGULAR))
        found.extend(action for action in known if _has_fields(group, action, shape, axes))
    if group.name == "nodes" and node_axes(shape, input_size[0]):
        found.append(NODES)
    return tuple(found)


def kind_of(action: str) -> str:
    """How a contract names an action: without the way that its fields turn, and of which group they are."""
    return action.removesuffix(OF_C8).removesuffix("_reversed")


def covers(element: Element, action: str, shape: Shape, input_size: Size) -> bool:
    """Whether what ``element`` does to such a tap is known, shifts only by whole cells, and leaves some in view."""
    axes = map_axes(shape, input_size)
    if action == IDENTITY or axes is None:
        return True
    if isinstance(element.motion, Shift) and _cells(element.motion, shape, axes, input_size) is None:
        return False
    return bool(valid_region(element, action, shape, input_size).any())


def act_on_tap(group: Group, element: Element, action: str, values: Values, input_size: Size) -> Values:
    """``rho(g) Phi`` of values ``(n, *shape)``; the result may be a view of them.

    Raises:
        ValueError: the element has no such action on the tap (:func:`actions_for`, :func:`covers`).
    """
    shape = values.shape[1:]
    if action == IDENTITY:
        return values
    if action == NODES:
        return _relabelled(element, values, node_axes(shape, input_size[0]))
    axes = map_axes(shape, input_size)
    turned = values if axes is None else _on_map(element, values, axes, input_size)
    return turned if action == SPATIAL else _shifted_fields(group, element, action, turned, axes)


def _has_fields(group: Group, action: str, shape: Shape, axes: tuple[int, int] | None) -> bool:
    """Of a map by its channels; of a vector, ``(c, 1, 1)`` too, by its units; of two axes if one is the group's own."""
    order = field_order(group, action)
    if axes or max(shape, default=1) == math.prod(shape):
        return (shape[_channel_axis(axes)] if axes else math.prod(shape)) % order == 0
    return len(shape) == 2 and shape[0 if "interleaved" in action else 1] == order


def pooled_along_orbit(
    group: Group, action: str, numbers: NDArray[np.float64], input_size: Size
) -> NDArray[np.float64]:
    """One number per unit, ``(*shape)``, averaged over the units that the action may exchange.

    These are the cells of a map, the nodes of a graph, and the members of a regular field.
    """
    shape = numbers.shape
    axes = node_axes(shape, input_size[0]) if group.name == "nodes" else map_axes(shape, input_size)
    if axes:
        numbers = np.broadcast_to(numbers.mean(axis=axes, keepdims=True), shape)
    if action in (IDENTITY, SPATIAL, NODES):
        return numbers
    fields, axis = _as_fields(numbers[None], field_order(group, action), action, map_axes(shape, input_size))
    return np.broadcast_to(fields.mean(axis=axis, keepdims=True), fields.shape).reshape(shape)


def field_order(group: Group, action: str) -> int:
    """Channels per field of a regular ``action``.

    Raises:
        KeyError: the group has no regular fields.
    """
    return CYCLIC["c8" if action.endswith(OF_C8) else group.name]


def resampled_map(element: Element, values: Values, input_size: Size) -> Values | None:
    """``rho(g^-1) rho(g) Phi`` of maps that ``element`` resamples: the action's own floor; ``None`` of others."""
    axes = map_axes(values.shape[1:], input_size)
    if axes is None or element.exact:
        return None
    back = replace(element, motion=element.motion.inverse)
    return _on_map(back, _on_map(element, values, axes, input_size), axes, input_size)


def valid_region(element: Element, action: str, shape: Shape, input_size: Size) -> NDArray[np.bool_]:
    """Where ``Phi(gx)`` and ``rho(g) Phi(x)`` can be compared: a mask that broadcasts to ``shape``.

    All of a vector, of node axes, and of a map that is mirrored or turned by quarters (padding turns with it). Of a map
    that shifts the middle, without what came in and without :data:`MARGIN`; of one that is turned otherwise the
    inscribed disc; of one that is zoomed what both pictures show.
    """
    axes = map_axes(shape, input_size)
    if action == IDENTITY or axes is None:
        return np.ones((1,) * len(shape), dtype=bool)
    height, width = (shape[axis] for axis in axes)
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    match element.motion:
        case Shift():
            down, right = _cells(element.motion, shape, axes, input_size) or (height, width)
            inside = _middle(y, height, down) & _middle(x, width, right)
        case Turn() if not element.exact:
            inside = np.hypot(y / height, x / width) <= 0.5
        case Zoom(factor):
            inside = (np.abs(y) <= min(factor, 1) * height / 2 - 1) & (np.abs(x) <= min(factor, 1) * width / 2 - 1)
        case _:
            inside = np.ones_like(y, dtype=bool)
    return inside.reshape([shape[axis] if axis in axes else 1 for axis in range(len(shape))])


def map_axes(shape: Shape, input_size: Size) -> tuple[int, int] | None:
    """Rows and columns of a tap that is a map of the picture: the two neighbours most like it in shape, if they are."""
    if len(shape) != 3:
        return None
    like = {axes: _likeness((shape[axes[0]], shape[axes[1]]), input_size) for axes in ((1, 2), (0, 1))}
    best = max(like, key=lambda axes: like[axes])
    return best if like[best] > LIKE else None


def _likeness(cells: Size, input_size: Size) -> float:
    """1 for the picture's own proportions, less the more they differ; 0 where no map of it has such a size."""
    if min(cells) < 2 or stride(input_size[0], cells[0]) != stride(input_size[1], cells[1]):
        return 0.0
    rates = (cells[0] / input_size[0], cells[1] / input_size[1])
    return min(rates) / max(rates)


def stride(side: int, cells: int) -> Fraction:
    """Pixels per cell of a map: the largest power of two that so many cells allow.

    Convolutions without padding leave fewer cells than ``side / stride``, hence downwards. Below 1 where the classifier
    enlarges what it is given.
    """
    if cells > side:
        return Fraction(1, cells // side)
    return Fraction(1 << ((side // cells).bit_length() - 1))


def node_axes(shape: Shape, nodes: int) -> tuple[int, ...]:
    """Axes of a tap that number the nodes: two neighbours of a tap with features beside them, else the first that can.

    Of ``(m, m)`` the second axis is taken to hold as many features as there are nodes.
    """
    fits = [axis for axis, length in enumerate(shape) if length == nodes]
    pairs = [(axis, axis + 1) for axis in fits if axis + 1 in fits]
    return pairs[0] if pairs and len(shape) > 2 else tuple(fits[:1])


def _cells(motion: Shift, shape: Shape, axes: tuple[int, int], input_size: Size) -> tuple[int, int] | None:
    """The shift in cells; ``None`` where it is not by whole ones."""
    step = stride(input_size[0], shape[axes[0]])
    down, right = motion.down / step, motion.right / step
    return (int(down), int(right)) if down.denominator == right.denominator == 1 else None


def _middle(place: Values, side: int, cells: int) -> NDArray[np.bool_]:
    """Cells at least a margin from the border, both where they are and where they came from."""
    reach = side / 2 - max(1.0, side * MARGIN)
    return np.asarray((np.abs(place) <= reach) & (np.abs(place - cells) <= reach))


def _on_map(element: Element, values: Values, axes: tuple[int, int], input_size: Size) -> Values:
    planes = np.moveaxis(values, (1 + axes[0], 1 + axes[1]), (-2, -1))
    motion = element.motion
    if isinstance(motion, Shift):
        cells = _cells(motion, values.shape[1:], axes, input_size)
        if cells is None:
            raise ValueError(f"a shift of {motion} is not by whole cells of a tap of shape {values.shape[1:]}")
        motion = Shift(*cells)
    if isinstance(motion, Recolour | Relabel):
        raise ValueError(f"{element.name} does not move maps")  # noqa: TRY004 - of a value, not of a type
    found = moved(motion, planes, np.zeros((), values.dtype))
    return np.moveaxis(found, (-2, -1), (1 + axes[0], 1 + axes[1]))


def _shifted_fields(
    group: Group, element: Element, action: str, values: Values, axes: tuple[int, int] | None
) -> Values:  # fmt: skip
    order = field_order(group, action)
    step = group.elements.index(element) * order // CYCLIC[group.name] * (-1 if "reversed" in action else 1)
    fields, axis = _as_fields(values, order, action, axes)
    return np.roll(fields, step, axis=axis).reshape(values.shape)


def _as_fields(values: Values, order: int, action: str, axes: tuple[int, int] | None) -> tuple[Values, int]:
    """Values ``(n, *shape)`` with the members of a field on an axis of their own, and which; of a vector, flat."""
    flat = values if axes else values.reshape(len(values), -1)
    axis = 1 + _channel_axis(axes)
    strided = "interleaved" in action
    split = (order, -1) if strided else (-1, order)
    return flat.reshape(*flat.shape[:axis], *split, *flat.shape[axis + 1 :]), axis if strided else axis + 1


def _channel_axis(axes: tuple[int, int] | None) -> int:
    return 2 if axes == (0, 1) else 0


def _relabelled(element: Element, values: Values, axes: tuple[int, ...]) -> Values:
    if not isinstance(element.motion, Relabel) or not axes:
        raise ValueError(f"{element.name} does not permute a tap of shape {values.shape[1:]}")
    for axis in axes:
        values = values.take(element.motion.order, axis=1 + axis)
    return values
