"""Shows a network every element of some groups, and keeps how far its taps moved: one pass per element for all taps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .actions import act, there_and_back
from .groups import Element, Group
from .motions import Motion
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
    """

    action: str
    elements: tuple[Element, ...]
    moved: NDArray[np.float64]
    apart: NDArray[np.float64]
    back: NDArray[np.float64]
    size: NDArray[np.float64]


Key = tuple[str, str]
"""A tap and a group."""


def trials(
    network: Network, inputs: Inputs, groups: Sequence[Group], report: Callable[[float], None] = lambda _done: None
) -> dict[Key, list[Trial]]:
    """Every trial of every tap and group, by ``(tap, group)``; each motion is shown once, whichever groups hold it.

    Memory is bounded by :data:`CHUNK` inputs. ``report`` hears the share of inputs that are done.

    Raises:
        ValueError: fewer than two inputs: nothing to compare a distance with.
    """
    if len(inputs) < 2:
        raise ValueError(f"a distance between inputs needs two of them, got {len(inputs)}")
    records: dict[tuple[str, str, str], _Record] = {}
    groups = [group for group in groups if group.others]
    parts = np.array_split(inputs, -(-len(inputs) // CHUNK))
    for done, part in enumerate(parts, 1):
        _show(network, part, groups, records)
        report(done / len(parts))
    found: dict[Key, list[Trial]] = {}
    for (tap, group, action), record in records.items():
        found.setdefault((tap, group), []).append(record.trial(action))
    return found


@dataclass
class _Record:
    """Distances so far: of each element, one array of ``(moved, apart, back)`` rows per chunk."""

    columns: dict[Element, list[NDArray[np.float64]]] = field(default_factory=dict)
    sizes: list[NDArray[np.float64]] = field(default_factory=list)

    def trial(self, action: str) -> Trial:
        moved, apart, back = np.stack([np.concatenate(parts, axis=1) for parts in self.columns.values()], axis=2)
        return Trial(action, tuple(self.columns), moved, apart, back, np.concatenate(self.sizes))


def _show(
    network: Network, part: Inputs, groups: Sequence[Group], records: dict[tuple[str, str, str], _Record]
) -> None:  # fmt: skip
    """One chunk through the network as it is, and once per motion."""
    size = (part.shape[1], part.shape[2])
    plain = {tap: _Plain(values) for tap, values in network(part).items()}
    known = {(tap, group.name): actions_for(group, one.values.shape[1:], size)
             for tap, one in plain.items() for group in groups}  # fmt: skip
    for key, actions in known.items():
        for action in actions:
            records.setdefault((*key, action), _Record()).sizes.append(plain[key[0]].size)
    for element, holders in _distinct(groups):
        moved = network(act(element, part))
        back = None if element.exact else network(there_and_back(element, part))
        for tap, one in plain.items():
            for group, own in holders:
                for action in known[tap, group.name]:
                    if covers(own, action, one.values.shape[1:], size):
                        row = _distances(group, own, action, one, moved[tap], None if back is None else back[tap], size)
                        records[tap, group.name, action].columns.setdefault(own, []).append(row)


def _distinct(groups: Sequence[Group]) -> Iterator[tuple[Element, list[tuple[Group, Element]]]]:
    """Each motion once, with the groups and their elements that are it."""
    found: dict[Motion, list[tuple[Group, Element]]] = {}
    for group in groups:
        for element in group.others:
            found.setdefault(element.motion, []).append((group, element))
    for holders in found.values():
        yield holders[0][1], holders


class _Plain:
    """A chunk's values at a tap, and how far apart they are on any part of it."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.size = _norm(values)
        self._apart: dict[bytes, NDArray[np.float64]] = {}

    def apart(self, region: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean distance of each input to :data:`PARTNERS` others, ``(n,)``."""
        key = region.tobytes()
        if key not in self._apart:
            shown = _within(self.values, region)
            rolls = range(1, 1 + min(PARTNERS, len(shown) - 1))
            self._apart[key] = np.mean([_norm(shown - np.roll(shown, k, axis=0)) for k in rolls], axis=0)
        return self._apart[key]


def _distances(
    group: Group, element: Element, action: str, plain: _Plain, moved: Values, back: Values | None, size: Size
) -> NDArray[np.float64]:  # fmt: skip
    """``(3, n)``: moved, apart, back."""
    region = valid_region(element, action, plain.values.shape[1:], size)
    expected = act_on_tap(group, element, action, plain.values, size)
    gap = _norm(_within(moved, region) - _within(expected, region))
    floor = np.zeros(len(gap))
    if back is not None:
        floor = _norm(_within(back - plain.values, region))
        turned = None if action == IDENTITY else resampled_map(element, plain.values, size)
        floor = floor if turned is None else floor + _norm(_within(turned - plain.values, region))
    return np.stack([gap, plain.apart(region), floor])


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
