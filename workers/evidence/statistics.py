"""The registry of measured statistics: how each is measured, edited, and when it exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import measured, transforms
from .features import Kind, distance, spread
from .pixels import Floats, Images
from .transforms import Edit, stay, there_and_back

EXISTS_SHARE = 0.5
"""A statistic is reported when at least this share of the images has it."""
MIN_SPREAD = 0.005
"""A statistic that hardly varies over the images has no retention and no effect to speak of: nothing was tested."""
SAME_COUNT = 0.5
"""Whole numbers that differ by less are the same."""


@dataclass(frozen=True)
class Statistic:
    """A measured statistic. ``period`` is that of a circular one; ``floor`` is the edit with the value left alone.

    Both are None where no formula changes it and nothing else: then it is edited in the code, as an attribute is.
    """

    name: str
    kind: Kind
    period: float | None
    measure: Callable[[Images], NDArray[np.float64]]
    edit: Edit | None
    floor: Edit | None
    coloured: bool = False
    """Whether it needs three channels."""
    min_spread: float = MIN_SPREAD
    """Smallest standard deviation over the references, in its own unit, at which it is worth a verdict."""
    equals: bool = False
    """Whether a column that equals it everywhere is it, whatever its name: it counts, and readings are no estimates."""
    whole: bool = False
    """Whether it is a whole number: then only the target itself is a hit, for 10 may be answered unlike 9."""
    listed: bool = True
    """Whether it is a feature by itself; else it only stands for a column."""

    def possible(self, images: Images) -> bool:
        """Whether it can be measured at all of these images ``(n, h, w, c)``."""
        return len(images) >= 2 and (not self.coloured or (images.ndim == 4 and images.shape[-1] == 3))

    def usable(self, values: Floats) -> bool:
        """Whether most of the images have it and it varies, by its values ``(n,)``."""
        known = np.isfinite(values)
        return bool(known.mean() >= EXISTS_SHARE and spread(values[known], self.kind, self.period) > self.min_spread)

    def confirms(self, edited: Images, target: Floats, reference: Floats, tolerance: float = 0.25) -> NDArray[np.bool_]:
        """Which edited images ``(n, h, w, c)`` now measure ``target``, within ``tolerance`` reference spreads.

        A whole number has to be the target itself. An image whose statistic does not exist after the edit is not
        confirmed.
        """
        missed = distance(self.measure(edited), target, self.kind, self.period)
        if self.whole:
            return np.asarray(missed < SAME_COUNT)
        scale = spread(reference[np.isfinite(reference)], self.kind, self.period)
        with np.errstate(invalid="ignore"):
            return np.asarray(missed <= tolerance * scale)


def draw_targets(values: Floats, draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Resample a statistic from its reference distribution: ``(n,) -> (n, draws)``; missing values are never drawn.

    Raises:
        ValueError: no value is known.
    """
    known = np.asarray(values[np.isfinite(values)], dtype=np.float64)
    if not len(known):
        raise ValueError("cannot resample a statistic that no image has")
    return generator.choice(known, size=(len(values), draws))


STATISTICS: tuple[Statistic, ...] = (
    Statistic(
        "hue", "circular", 1.0, measured.hue, transforms.rotate_hue, stay(transforms.rotate_hue), coloured=True
    ),
    Statistic(
        "saturation", "numeric", None, measured.saturation, transforms.scale_saturation,
        stay(transforms.scale_saturation), coloured=True,
    ),
    Statistic(
        "luminance", "numeric", None, measured.luminance, transforms.scale_luminance, stay(transforms.scale_luminance)
    ),
    Statistic(
        "contrast", "numeric", None, measured.contrast, transforms.scale_contrast, stay(transforms.scale_contrast)
    ),
    Statistic("sharpness", "numeric", None, measured.sharpness, transforms.sharpen, stay(transforms.sharpen)),
    Statistic(
        "position_x", "numeric", None, measured.position_x, transforms.shift_x, there_and_back(transforms.shift_x),
        min_spread=0.02,
    ),
    Statistic(
        "position_y", "numeric", None, measured.position_y, transforms.shift_y, there_and_back(transforms.shift_y),
        min_spread=0.02,
    ),
    Statistic("size", "numeric", None, measured.size, transforms.zoom, there_and_back(transforms.zoom)),
    Statistic(
        "rotation", "circular", float(np.pi), measured.rotation, transforms.rotate, there_and_back(transforms.rotate)
    ),
)  # fmt: skip


def statistic(name: str) -> Statistic:
    """The statistic called ``name``.

    Raises:
        KeyError: there is none.
    """
    for one in STATISTICS:
        if one.name == name:
            return one
    raise KeyError(f"no measured statistic {name!r}")


def measure_all(images: Images, registry: Sequence[Statistic] = STATISTICS) -> dict[str, NDArray[np.float64]]:
    """By name, every statistic that exists for most of the images ``(n, h, w, c)`` and varies, ``(n,)`` each."""
    values = {one.name: one.measure(images) for one in registry if one.possible(images)}
    return {one.name: values[one.name] for one in registry if one.name in values and one.usable(values[one.name])}
