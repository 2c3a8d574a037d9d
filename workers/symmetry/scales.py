"""One scale per unit of a tap, so that a loud unit does not drown what a quiet one does under a group.

A scale is the deviation of a unit over inputs and all their moved versions. It must not change what the action does, so
it is shared along the orbit: by the cells of a map, by the nodes of a graph, by the members of a regular field.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .actions import act
from .groups import Group
from .motions import Motion
from .tap_actions import Shape, Size, pooled_along_orbit
from .thresholds import DEFAULT

Floats = NDArray[np.float64]
Network = Callable[[NDArray[np.uint8]], Mapping[str, NDArray[np.float32]]]

SCALED_BY = 32
"""Inputs that the scales are taken from, each in every pose."""


@dataclass(frozen=True)
class Spread:
    """Of each unit of a tap, ``(*shape)``: ``variance`` over inputs in all poses of a group, and mean ``square``."""

    variance: Floats
    square: Floats

    def units(self, group: Group, action: str, size: Size, quiet: float = DEFAULT.quiet) -> NDArray[np.float32]:
        """What values are multiplied by, ``(*shape)`` float32.

        A unit that varies less than ``quiet`` of its own size, or of the one that varies most, may be rounding alone.
        It is measured by the others' scale: so it still counts where it wakes up, and its rounding does not. A tap of
        which all units are so stays as it is.
        """
        variance = pooled_along_orbit(group, action, self.variance, size)
        own = pooled_along_orbit(group, action, self.square, size)
        loud = variance > quiet**2 * np.maximum(own, variance.max(initial=0))
        if not loud.any():
            return np.ones(self.variance.shape, np.float32)
        return np.asarray(1 / np.sqrt(np.where(loud, variance, variance[loud].mean())), dtype=np.float32)


class _Sums:
    """Sums over inputs, and over those of them that were moved by one element each."""

    def __init__(self, shape: Shape) -> None:
        self.count, self.total, self.square = 0, np.zeros(shape), np.zeros(shape)

    def add(self, count: int, total: Floats, square: Floats) -> None:
        self.count, self.total, self.square = self.count + count, self.total + total, self.square + square

    @property
    def spread(self) -> Spread:
        mean, square = self.total / self.count, self.square / self.count
        return Spread(np.maximum(square - mean**2, 0), square)


def spreads(
    network: Network, inputs: NDArray[np.uint8], groups: Sequence[Group], left_out: Collection[str]
) -> dict[tuple[str, str], Spread]:  # fmt: skip
    """Of every tap but those ``left_out``, by ``(tap, group)``, over the first :data:`SCALED_BY` inputs."""
    shown = inputs[:SCALED_BY]
    found: dict[tuple[str, str], _Sums] = {}
    seen: dict[Motion, list[str]] = {}
    for group in groups:
        for element in group.elements:
            seen.setdefault(element.motion, []).append(group.name)
    known = {element.motion: element for group in groups for element in group.elements}
    for motion, holders in seen.items():
        for tap, values in network(act(known[motion], shown)).items():
            if tap not in left_out:
                wide = np.asarray(values, dtype=np.float64)
                sums = len(wide), wide.sum(axis=0), np.square(wide).sum(axis=0)
                for name in holders:
                    found.setdefault((tap, name), _Sums(wide.shape[1:])).add(*sums)
    return {key: sums.spread for key, sums in found.items()}
