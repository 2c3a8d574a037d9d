"""A tap as something that can be changed: its values as codes of a flow, exactly back, and the network behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.classifier.head import Head, open_head
from workers.classifier.selection import Tap
from workers.classifier.session import Outputs
from workers.concepts.units import Units, fit_units
from workers.stages.classifying import facts_of
from workers.stages.latents import compressed
from workers.stages.stage import StageContext

SIGMA = 0.05
"""Noise on the codes, in deviations of a unit: values that are exactly 0 for many images have no density without it."""
FEWEST = 4
"""Directions that a factor and a residual need."""
_ROWS = 4096


class Unfit(ValueError):
    """The tap has no exact way back from codes, or too little in it to take apart."""


@dataclass(frozen=True)
class Layer:
    """A tap of ``m`` images out of ``n`` references.

    Attributes:
        head: the rest of the network.
        units: of the coordinates.
        components: ``(k, u)``, what the coordinates are of the values; ``None`` where they are the values.
        means: codes of all references, ``(n, r)``.
        values: of the ``m`` images, exact and flat, ``(m, u)``.
        codes: theirs, ``(m, r)``.
        low: what no value of a unit falls below, ``(u,)``; minus infinity where nothing shows such a bound.
        high: the same above.
        kept: share of the values' variance that lies among the coordinates; the rest of an image stays as it is.
        logits: of the ``m`` images, ``(m, classes)``.
        error: of the head, as a share of the largest logit.
    """

    head: Head
    units: Units
    components: Tensor | None
    means: Tensor
    values: Tensor
    codes: Tensor
    low: Tensor
    high: Tensor
    kept: float
    logits: NDArray[np.float32]
    error: float

    def noised(self, draws: int, generator: torch.Generator) -> Tensor:
        """Codes of every image with ``draws`` draws of the noise, ``(m * draws, r)``, those of one image together."""
        repeated = self.codes.repeat_interleave(draws, dim=0)
        return repeated + SIGMA * torch.randn(repeated.shape, generator=generator)

    def changed(self, codes: Tensor) -> Tensor:
        """The images' values with ``codes (m * draws, r)`` in place of theirs, ``(m * draws, u)``.

        All that is no part of the codes stays that of the image.
        """
        draws = len(codes) // len(self.values)
        before, values = (each.repeat_interleave(draws, dim=0) for each in (self.codes, self.values))
        moved = self.units.change(before, codes)
        return values + (moved if self.components is None else torch.mm(moved, self.components))

    def answer(self, codes: Tensor) -> NDArray[np.float32]:
        """Logits ``(m, draws, classes)`` of ``codes (m * draws, r)``.

        Values that the layer cannot put out (below 0 after a rectifier) are set to its bound: the rest of the network
        was never shown others, and what it does with them says nothing.
        """
        values = self.changed(codes)
        bounded = torch.minimum(torch.maximum(values, self.low), self.high)
        parts = [self.head.run(part.numpy()) for part in torch.split(bounded, _ROWS)]
        return np.concatenate(parts).reshape(len(self.values), -1, self.logits.shape[1])

    @property
    def bounded(self) -> float:
        """Share of the units that vary and have a bound, 0..1."""
        varying = self.values.amax(dim=0) > self.values.amin(dim=0)
        return float((self.low.isfinite() | self.high.isfinite())[varying].float().mean())


def open_layer(context: StageContext, tap: Tap, known: Outputs, image_size: tuple[int, int]) -> Layer:
    """The layer at ``tap``, from the inputs ``classifier``, ``latents`` and ``compression``.

    Args:
        context: of the stage.
        tap: a hidden tap.
        known: what the classifier answered to the images that will be changed, the tap's values among it.
        image_size: height and width of the references.

    Raises:
        HeadError: the rest of the network cannot be run by itself.
        Unfit: the tap was pooled, or hardly anything varies in it.
    """
    values = known.taps[tap.name].reshape(len(known), -1)
    if values.shape[1] != math.prod(tap.shape):
        raise Unfit(f"{tap.name} holds {math.prod(tap.shape):,} numbers of an image and was averaged over places")
    compression = context.arrays("compression")
    coordinates = torch.from_numpy(context.arrays("latents")[f"z:{tap.name}"])
    short = torch.from_numpy(compressed(compression, tap.name, values))
    units = fit_units(coordinates)
    if units.rank < FEWEST:
        raise Unfit(f"{tap.name} varies in {units.rank} directions: too few to hold a concept and anything else")
    stored = compression.get(f"components:{tap.name}")
    exact = torch.from_numpy(values)
    low, high = _bounds(exact)
    head = open_head(context.blob("classifier"), facts_of(context), tap, known, image_size)
    return Layer(
        head=head,
        units=units,
        components=None if stored is None else torch.from_numpy(stored),
        means=units.read(coordinates),
        values=exact,
        codes=units.read(short),
        low=low,
        high=high,
        kept=float(short.var(dim=0).sum() / exact.var(dim=0).sum()),
        logits=known.logits,
        error=head.error(known),
    )


def _bounds(values: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds of each unit, ``(u,)`` each: an extreme that several images share to the last bit is one.

    So a rectifier shows its 0, and one that is cut off at 6 its 6.
    """
    low, high = values.amin(dim=0), values.amax(dim=0)
    return (
        torch.where((values == low).sum(dim=0) > 1, low, -torch.inf),
        torch.where((values == high).sum(dim=0) > 1, high, torch.inf),
    )
