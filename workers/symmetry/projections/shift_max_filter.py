"""Max filters over every circular shift of a map, by FFT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workers.symmetry.orbits import Orbit, Values

from .frame import fit_frame, generic_templates
from .projection import State

Spectra = NDArray[np.complexfloating]
MOST = 32_768
"""Templates times positions: beyond it the inverse transforms would take longer than the classifier."""
BATCH = 64


@dataclass(frozen=True)
class ShiftMaxFilters:
    """``h_w(z) = max_s <shift_s w, z>`` over all ``h w`` circular shifts of maps.

    The theorem of :class:`workers.symmetry.projections.max_filter.MaxFilters`; ``templates (t, *shape)``.
    """

    orbit: Orbit
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    templates: NDArray[np.float64]

    name = "shift_max_filters"

    @property
    def lossless(self) -> bool:
        """Whether there are twice as many templates as the tap has units."""
        return len(self.templates) >= 2 * self.orbit.size

    @property
    def width(self) -> int:
        """One number per template."""
        return len(self.templates)

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, templates)``."""
        parts = [self._batch(values[i : i + BATCH]) for i in range(0, max(1, len(values)), BATCH)]
        return np.concatenate(parts)

    def state(self) -> State:
        """Units and templates."""
        return {"mean": self.mean, "scale": self.scale, "templates": self.templates}

    @cached_property
    def _spectra(self) -> Spectra:
        """Conjugate transforms of the templates, a matrix ``(c, t)`` per frequency: ``(fh, fw, c, t)``."""
        return _by_frequency(np.conj(fft.rfft2(self.orbit.planes(self.templates))), (2, 3, 1, 0))

    def _batch(self, values: Values) -> NDArray[np.float32]:
        scaled = (values - self.mean.astype(values.dtype)) * self.scale.astype(values.dtype)
        spectra = _by_frequency(fft.rfft2(self.orbit.planes(scaled)), (2, 3, 0, 1))  # (fh, fw, n, c)
        products = spectra @ self._spectra.astype(spectra.dtype)  # (fh, fw, n, t)
        matches = fft.irfft2(products, s=self.orbit.positions, axes=(0, 1))
        return np.asarray(matches.max(axis=(0, 1)), dtype=np.float32)


def _by_frequency(spectra: Spectra, axes: tuple[int, ...]) -> Spectra:
    """A matrix per frequency, laid out for the fast product: strided complex ones are multiplied ten times slower."""
    return np.ascontiguousarray(spectra.transpose(axes))


def fit_shift_max_filters(orbit: Orbit, values: Values, kept: int, rng: np.random.Generator) -> ShiftMaxFilters:
    """Twice as many templates as directions of ``values (n, *shape)`` are kept, fewer on large maps."""
    frame = fit_frame(orbit, values, kept, rng)
    templates = generic_templates(frame, shift_templates(orbit, kept), rng)
    return ShiftMaxFilters(orbit, frame.mean, frame.scale, templates)


def shift_templates(orbit: Orbit, kept: int) -> int:
    """How many templates a map is matched with."""
    height, width = orbit.positions
    return max(1, min(2 * min(kept, orbit.size), MOST // (height * width)))
