"""Size and training of the supervised VAE."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST_SCALE = 0.05
"""Codes are known to about 5 % of their spread; without a floor the likelihood of a dimension could run away."""


@dataclass(frozen=True)
class VaeConfig:
    """What to build and how long to train.

    Attributes:
        task_dim: dimensions of ``z_s``, the only ones that the head sees. Small, so that it cannot hoard nuisance.
        nuisance_dim: dimensions of ``z_n``; 0 takes as many as the codes have.
        width: units per hidden layer.
        depth: hidden layers of the encoder and of the decoder, each.
        label_weight: weight of the label term; above 1, because it is one term beside one per code dimension.
        task_beta: weight of ``KL_s``; above 1 it makes ``z_s`` a bottleneck.
        nuisance_beta: weight of ``KL_n``.
        adversary: strength of the reversed gradient from the probe that looks for the answer in ``z_n``.
        independence: weight of the dependence (HSIC) between ``z_n`` and the answer within a batch.
        largest_scale: bound on the learned spread of a code dimension given ``z``. Without it calling a dimension noise
            is as good an ELBO as coding it, and what ``z`` does not code no draw of ``z_n`` can ever vary.
        warmup: share of the steps over which both KL weights rise from 0, against posterior collapse.
        steps: optimiser steps.
        batch: codes per step.
        learning_rate: peak.
        held_out: share of the codes on which everything is measured.
    """

    task_dim: int = 10
    nuisance_dim: int = 0
    width: int = 256
    depth: int = 2
    label_weight: float = 30.0
    task_beta: float = 1.0
    nuisance_beta: float = 1.0
    adversary: float = 5.0
    largest_scale: float = 0.9
    independence: float = 20.0
    warmup: float = 0.2
    steps: int = 800
    batch: int = 256
    learning_rate: float = 2e-3
    held_out: float = 0.2

    def __post_init__(self) -> None:
        if self.task_dim < 1 or self.nuisance_dim < 0 or self.steps < 1 or self.batch < 2:
            raise ValueError("need task_dim >= 1, nuisance_dim >= 0, steps >= 1 and batch >= 2")
        if not 0 < self.held_out < 1 or self.largest_scale <= SMALLEST_SCALE:
            raise ValueError(f"need held_out inside (0, 1) and largest_scale above {SMALLEST_SCALE}")
