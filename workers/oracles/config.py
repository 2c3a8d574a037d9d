"""Size and training of the oracles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OracleConfig:
    """What to build and how long to train.

    Attributes:
        channels: of the first convolution; doubled at each halving of the image.
        features: units that all heads share.
        steps: optimiser steps.
        batch: images per step.
        learning_rate: peak.
        weight_decay: of matrices.
        held_out: share of the images on which the reading is judged.
        soften: share of the batches that are blurred and made noisy, as decoded images are.
        half: compute the training in bfloat16 where the machine multiplies it faster.
    """

    channels: int = 32
    features: int = 256
    steps: int = 450
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 2e-2
    held_out: float = 0.15
    soften: float = 0.5
    half: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 2 or not 0 < self.held_out < 1:
            raise ValueError("need steps >= 1, batch >= 2 and held_out inside (0, 1)")
