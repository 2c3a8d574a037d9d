"""A VAE whose latent is split: ``z_s`` decides, ``z_n`` is nuisance (Nguyen and Rodriguez Martinez 2020)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from workers.tensors import require_shape
from workers.vae.config import SMALLEST_SCALE, VaeConfig

_LOG_VARIANCE = (-10.0, 4.0)


class Posterior(NamedTuple):
    """``q(z_s, z_n | code)``: means and log-variances ``(batch, dim)`` of both blocks."""

    task_mean: Tensor
    task_log_variance: Tensor
    nuisance_mean: Tensor
    nuisance_log_variance: Tensor


class SupervisedVae(nn.Module):
    """Works on standardised autoencoder codes; images come from the frozen decoder, so a new classifier costs seconds.

    ``y`` is the audited classifier's soft output (audit mode, papers.md section 1(a)). The head is dense and sees
    ``z_s`` only.

    Args:
        code_dim: dimensions of a code.
        classes: outputs of the classifier, at least 2.
        config: sizes.
    """

    def __init__(self, code_dim: int, classes: int, config: VaeConfig) -> None:
        super().__init__()
        self.code_dim, self.classes = code_dim, classes
        self.task_dim, self.nuisance_dim = config.task_dim, config.nuisance_dim or code_dim
        latent = self.task_dim + self.nuisance_dim
        self.encoder = _mlp(code_dim, 2 * latent, config)
        self.decoder = _mlp(latent, code_dim, config)
        self.head = nn.Linear(self.task_dim, classes)
        self.log_scale_range = math.log(SMALLEST_SCALE), math.log(config.largest_scale)
        self.raw_log_scale = nn.Parameter(torch.zeros(code_dim))

    @property
    def log_scale(self) -> Tensor:
        """Learned log standard deviation of the codes given ``z``, ``(code_dim,)``."""
        low, high = self.log_scale_range
        return low + (high - low) * torch.sigmoid(self.raw_log_scale)

    def encode(self, codes: Tensor) -> Posterior:
        """The posterior of standardised codes ``(batch, code_dim)``.

        Raises:
            ShapeError: the codes have another shape.
        """
        require_shape("codes", codes, None, self.code_dim)
        mean, log_variance = self.encoder(codes).chunk(2, dim=1)
        log_variance = log_variance.clamp(*_LOG_VARIANCE)
        split = [self.task_dim, self.nuisance_dim]
        task_mean, nuisance_mean = torch.split(mean, split, dim=1)
        task_log_variance, nuisance_log_variance = torch.split(log_variance, split, dim=1)
        return Posterior(task_mean, task_log_variance, nuisance_mean, nuisance_log_variance)

    def decode(self, task: Tensor, nuisance: Tensor) -> Tensor:
        """Mean code ``(batch, code_dim)`` of ``z_s`` ``(batch, task_dim)`` and ``z_n`` ``(batch, nuisance_dim)``."""
        require_shape("task", task, None, self.task_dim)
        require_shape("nuisance", nuisance, len(task), self.nuisance_dim)
        return _run(self.decoder, torch.cat([task, nuisance], dim=1))

    def classify(self, task: Tensor) -> Tensor:
        """Logits ``(batch, classes)`` of ``p(y | z_s)``."""
        return _run(self.head, task)


def draw(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Reparametrised sample; all of one shape."""
    return mean + (0.5 * log_variance).exp() * noise


def _mlp(inputs: int, outputs: int, config: VaeConfig) -> nn.Sequential:
    sizes = [inputs, *[config.width] * config.depth]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


def _run(module: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = module(x)
    return out
