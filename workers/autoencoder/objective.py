"""Terms of the autoencoder's loss, in nats per image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workers.tensors import sum_per_item


def optimal_gaussian_nll(images: Tensor, mean: Tensor) -> Tensor:
    """Negative log-likelihood of the batch under ``N(mean, sigma^2 I)`` with the best common ``sigma``, per image.

    The best ``sigma^2`` is the mean squared error, so the term is ``D/2 (log 2 pi e sigma^2)`` and nobody has to
    choose a weight between pixels and KL (sigma-VAE, Rybkin, Daniilidis, Levine 2021, section 3).

    Returns:
        Scalar.
    """
    error = (images - mean).square().mean().clamp_min(1e-8)
    return 0.5 * images[0].numel() * (math.log(2 * math.pi * math.e) + error.log())


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(mean, exp(log_variance)) || N(0, I))`` per row: ``(batch, d) -> (batch,)``."""
    return sum_per_item(0.5 * (mean.square() + log_variance.exp() - 1 - log_variance))


def gradient_difference(images: Tensor, mean: Tensor) -> Tensor:
    """Mean squared error between the differences of neighbouring pixels, both directions summed; scalar."""
    error = images - mean
    return torch.add(error.diff(dim=-1).square().mean(), error.diff(dim=-2).square().mean())
