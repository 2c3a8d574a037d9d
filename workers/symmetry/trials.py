"""Shows a network every element of some groups, and keeps how far its taps moved: one pass per element for all taps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .actions import act, there_and_back
from .groups import Element, Group
from .motions import Motion
from .scales import Spread, spreads
from .tap_actions import IDENTITY, Size, act_on_tap, actions_for, covers, resampled_map, valid_region

Inputs = NDArray[np.uint8]
Values = NDArray[Any]
Network = Callable[[Inputs], Mapping[str, Values]]
"""Inputs ``(n, h, w, c)`` to the values ``(n, *shape)`` of every tap by name."""

CHUNK = 64
PARTNERS = 4
"""Other inputs that each input is compared with, to know how far apart two of them are."""


@dataclass(frozen=True)
class Trial:
    """Distances at one tap under one action of one group, ``(n, elements)`` each: a column per element it covers.

    ``moved``: ``|Phi(gx) - rho(g) Phi(x)|``; ``apart``: the mean ``|Phi(x) - Phi(x')|`` over the same part of the tap;
    ``back``: what resampling alone does, ``|Phi(g^-1 g x) - Phi(x)|``, and for maps that are resampled too
    ``|rho(g^-1) rho(g) Phi(x) - Phi(x)|``; 0 for elements that only move values. ``size (n,)``: ``|Phi(x)|``.
    Units count in units of their own deviation (:mod:`workers.symmetry.scales`).

    Of the inputs: ``stirred``: ``|gx - x|``, and ``strangers (n,)``: the mean ``|x - x'|``. ``complete``: whether the
    elements are those of the whole group, or a sample, in which some are small by nature.
    """

    action: str
    elements: tuple[Element, ...]
    moved: NDArray[np.float64]
    apart: NDArray[np.float64]
    back: NDArray[np.float64]
    size: NDArray[np.float64]
    stirred: NDArray[np.float64]
    strangers: NDArray[np.float64]
    complete: bool


Key = tuple[str, str]
"""A tap and a group."""


def trials(
    network: Network, inputs: Inputs, groups: Sequence[Group], report: Callable[[float], None] = lambda _done: None,
    *, one_unit: Collection[str] = (),
) -> dict[Key, list[Trial]]:  # fmt: skip
    """Every trial of every tap and group, by ``(tap, group)``; each motion is shown once, whichever groups hold it.

    Before that, a few inputs are shown in all poses to know how much each unit varies. ``one_unit`` names taps whose
    units are compared with each other, and so keep their scale: logits, decisions. Memory is bounded by :data:`CHUNK`
    inputs. ``report`` hears the share of inputs that are done.

    Raises:
        ValueError: fewer than two inputs: nothing to compare a distance with.
    """
    if len(inputs) < 2:
        raise ValueError(f"a distance between inputs needs two of them, got {len(inputs)}")
    records: dict[tuple[str, str, str], _Record] = {}
    groups = [group for group in groups if group.others]
    units = _units(spreads(network, inputs, groups, one_unit), (inputs.shape[1], inputs.shape[2]))
    parts = np.array_split(inputs, -(-len(inputs) // CHUNK))
    for done, part in enumerate(parts, 1):
        _show(network, part, groups, units, records)
        report(done / len(parts))
    found: dict[Key, list[Trial]] = {}
    for (tap, group, action), record in records.items():
        found.setdefault((tap, group), []).append(record.trial(action))
    return found


Units = Callable[[str, Group, str], Values | None]
"""What the values of a tap are multiplied by under a group and an action; ``None``: nothing."""


def _units(found: Mapping[Key, Spread], size: Size) -> Units:
    @cache
    def units(tap: str, group: Group, action: str) -> Values | None:
        return found[tap, group.name].units(group, action, size) if (tap, group.name) in found else None

    return units


@dataclass
class _Record:
    """Distances so far: of each element, one array of ``(moved, apart, back, stirred)`` rows per chunk."""

    complete: bool
    columns: dict[Element, list[NDArray[np.float64]]] = field(default_factory=dict)
    sizes: list[NDArray[np.float64]] = field(default_factory=list)
    strangers: list[NDArray[np.float64]] = field(default_factory=list)

    def trial(self, action: str) -> Trial:
        rows = np.stack([np.concatenate(parts, axis=1) for parts in self.columns.values()], axis=2)
        moved, apart, back, stirred = rows
        sizes, strangers = np.concatenate(self.sizes), np.concatenate(self.strangers)
        return Trial(action, tuple(self.columns), moved, apart, back, sizes, stirred, strangers, self.complete)


Place = tuple[str, str, str]
"""A tap, a group and an action."""


def _show(
    network: Network, part: Inputs, groups: Sequence[Group], units: Units, records: dict[Place, _Record]
) -> None:  # fmt: skip
    """One chunk through the network as it is, and once per motion."""
    size = (part.shape[1], part.shape[2])
    strangers = _apart(part)
    plain: dict[Place, _Plain] = {}
    for tap, values in network(part).items():
        for group in groups:
            for action in actions_for(group, values.shape[1:], size):
                place = tap, group.name, action
                plain[place] = one = _Plain(values, units(tap, group, action))
                record = records.setdefault(place, _Record(group.complete))
                record.sizes.append(one.size)
                record.strangers.append(strangers)
    for element, holders in _distinct(groups):
        shown = act(element, part)
        stirred = _norm(shown.astype(np.float32) - part)
        moved = network(shown)
        back = None if element.exact else network(there_and_back(element, part))
        held = {group.name: (group, own) for group, own in holders}
        for (tap, name, action), one in plain.items():
            if name in held and covers(held[name][1], action, one.values.shape[1:], size):
                rows = _distances(*held[name], action, one, moved[tap], None if back is None else back[tap], size)
                columns = records[tap, name, action].columns
                columns.setdefault(held[name][1], []).append(np.stack([*rows, stirred]))


def _distinct(groups: Sequence[Group]) -> Iterator[tuple[Element, list[tuple[Group, Element]]]]:
    """Each motion once, with the groups and their elements that are it."""
    found: dict[Motion, list[tuple[Group, Element]]] = {}
    for group in groups:
        for element in group.others:
            found.setdefault(element.motion, []).append((group, element))
    for holders in found.values():
        yield holders[0][1], holders


class _Plain:
    """A chunk's values at a tap, their units, and how far apart they are on any part of it."""

    def __init__(self, values: Values, units: Values | None) -> None:
        self.values = values
        self._units = units
        self._apart: dict[bytes, NDArray[np.float64]] = {}

    @property
    def size(self) -> NDArray[np.float64]:
        """Norms of the values, ``(n,)``."""
        return _norm(self.scaled(self.values, np.ones((1,) * (self.values.ndim - 1), dtype=bool)))

    def scaled(self, values: Values, region: NDArray[np.bool_]) -> Values:
        """A part of values ``(n, *shape)``, in units."""
        inside = _within(values, region)
        return inside if self._units is None else inside * _within(self._units[None], region)

    def apart(self, region: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean distance of each input to :data:`PARTNERS` others, ``(n,)``."""
        key = region.tobytes()
        if key not in self._apart:
            self._apart[key] = _apart(self.scaled(self.values, region))
        return self._apart[key]


def _distances(
    group: Group, element: Element, action: str, plain: _Plain, moved: Values, back: Values | None, size: Size
) -> tuple[NDArray[np.float64], ...]:  # fmt: skip
    """``(n,)`` each: moved, apart, back."""
    region = valid_region(element, action, plain.values.shape[1:], size)
    expected = act_on_tap(group, element, action, plain.values, size)
    gap = _norm(plain.scaled(moved - expected, region))
    floor = np.zeros(len(gap))
    if back is not None:
        floor = _norm(plain.scaled(back - plain.values, region))
        turned = None if action == IDENTITY else resampled_map(element, plain.values, size)
        floor = floor if turned is None else floor + _norm(plain.scaled(turned - plain.values, region))
    return gap, plain.apart(region), floor


def _apart(shown: Values) -> NDArray[np.float64]:
    """Mean distance of each of ``(n, ...)`` to :data:`PARTNERS` others, ``(n,)``."""
    wide = np.asarray(shown, dtype=np.float32)
    rolls = range(1, 1 + min(PARTNERS, len(wide) - 1))
    return np.asarray(np.mean([_norm(wide - np.roll(wide, k, axis=0)) for k in rolls], axis=0))


def _within(values: Values, region: NDArray[np.bool_]) -> Values:
    """Values of a part of the tap, the smallest box around it, zero outside."""
    if region.all():
        return values
    spans = [np.flatnonzero(region.any(axis=tuple(a for a in range(region.ndim) if a != axis)))
             if region.shape[axis] > 1 else None for axis in range(region.ndim)]  # fmt: skip
    box = tuple(slice(None) if span is None else slice(span[0], span[-1] + 1) for span in spans)
    return values[(slice(None), *box)] * region[box]


def _norm(values: Values) -> NDArray[np.float64]:
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(len(values), -1)
    return np.asarray(np.sqrt(np.einsum("nu,nu->n", flat, flat)), dtype=np.float64)
