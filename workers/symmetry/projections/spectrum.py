"""Spectra along the circle that a cyclic group turns: moduli, and the bispectrum.

A turn by ``s`` of ``n`` steps multiplies frequency ``k`` by ``exp(-2 pi i k s / n)``: moduli do not change, nor do
products whose frequencies sum to zero. Of SO(2) this is the case of ``n`` sampled angles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Orbit, Values

from .projection import State


def circles(orbit: Orbit) -> NDArray[np.int64]:
    """Units along the circles that a generator of the group turns, ``(circles, n)``; a fixed unit is repeated.

    Raises:
        ValueError: the group is not cyclic, or does not merely put units elsewhere.
    """
    if orbit.closed:
        for move in orbit.moves:
            step = move(np.arange(orbit.size, dtype=np.float64).reshape(1, *orbit.shape)).astype(np.int64).ravel()
            walk = _walk(step, len(orbit.moves))
            if len(np.unique(walk, axis=0)) == len(orbit.moves) and np.array_equal(step[walk[-1]], walk[0]):
                starts = np.unique(walk.min(axis=0))
                return np.ascontiguousarray(walk[:, starts].T)
    raise ValueError(f"{orbit.group} does not act as a whole cyclic group on values of shape {orbit.shape}")


def _walk(step: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """``(length, units)``: every unit, and where ``step`` takes it time after time."""
    places = [np.arange(len(step))]
    for _ in range(length - 1):
        places.append(step[places[-1]])
    return np.stack(places)


@dataclass(frozen=True)
class Moduli:
    """``|z_k|`` of every circle and frequency. The phases *between* frequencies, and between circles, are lost."""

    orbit: Orbit

    name = "moduli"
    lossless = False

    @property
    def width(self) -> int:
        """Circles times the frequencies of a real signal."""
        count, length = self._circles.shape
        return int(count * (length // 2 + 1))

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, width)``."""
        signals = values.reshape(len(values), -1)[:, self._circles]  # (n, circles, length)
        return np.abs(np.fft.rfft(signals)).reshape(len(values), -1).astype(np.float32)

    def state(self) -> State:
        """Nothing is fitted."""
        return {}

    @cached_property
    def _circles(self) -> NDArray[np.int64]:
        return circles(self.orbit)


@dataclass(frozen=True)
class Bispectrum:
    """``r_k r_l conj(r_{k+l})`` of one generic mixture ``r`` of the circles, and ``z_k conj(r_k)`` of every circle.

    The bispectrum determines ``r`` up to a turn where none of its frequencies vanishes, and the cross spectra then
    every circle: lossless but for that set of measure zero, hence not called so. The numbers grow with the third power
    of the values.

    Args:
        orbit: a whole cyclic group.
        mixture: weights of the circles in ``r``, ``(circles,)``.
    """

    orbit: Orbit
    mixture: NDArray[np.float64]

    name = "bispectrum"
    lossless = False

    @property
    def width(self) -> int:
        """Real and imaginary parts of pairs of frequencies, and of the cross spectra."""
        count, length = self._circles.shape
        return int(2 * len(self._pairs[0]) + 2 * count * (length // 2 + 1))

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, width)``."""
        spectra = np.fft.fft(values.reshape(len(values), -1)[:, self._circles])  # (n, circles, length)
        mixed = np.einsum("nck,c->nk", spectra, self.mixture)
        k, other = self._pairs
        length = mixed.shape[1]
        triple = mixed[:, k] * mixed[:, other] * np.conj(mixed[:, (k + other) % length])
        cross = (spectra * np.conj(mixed)[:, None])[..., : length // 2 + 1].reshape(len(values), -1)
        found = np.concatenate([triple, cross], axis=1)
        return np.concatenate([found.real, found.imag], axis=1).astype(np.float32)

    def state(self) -> State:
        """The mixture."""
        return {"mixture": self.mixture}

    @cached_property
    def _circles(self) -> NDArray[np.int64]:
        return circles(self.orbit)

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Frequencies ``k <= l``; the others follow from symmetry."""
        return np.triu_indices(self._circles.shape[1])


def draw_bispectrum(orbit: Orbit, rng: np.random.Generator) -> Bispectrum:
    """A bispectrum of a generic mixture."""
    count = len(circles(orbit))
    return Bispectrum(orbit, rng.standard_normal(count) / np.sqrt(count))
