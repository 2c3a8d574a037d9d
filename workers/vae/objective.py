"""The terms of the supervised ELBO, each a pure function in nats per sample (papers.md section 1(a)).

``log p(x, y) >= E_q[log p(x | z_s, z_n) + log p(y | z_s)] - KL(q(z_s | x) || p) - KL(q(z_n | x) || p)``
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from workers.tensors import sum_per_item


def gaussian_nll(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """``-log N(x | mean, exp(log_scale)^2)`` per row: ``(batch, d) -> (batch,)``; ``log_scale`` broadcasts."""
    scaled = (x - mean) * (-log_scale).exp()
    return sum_per_item(0.5 * scaled.square() + log_scale.expand_as(x) + 0.5 * math.log(2 * math.pi))


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(mean, exp(log_variance)) || N(0, I))`` per row: ``(batch, d) -> (batch,)``."""
    return sum_per_item(0.5 * (mean.square() + log_variance.exp() - 1 - log_variance))


def soft_label_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """``-sum_k targets_k log softmax(logits)_k`` per row: ``(batch, k) -> (batch,)``; ``targets`` are probabilities."""
    return sum_per_item(-targets * functional.log_softmax(logits, dim=1))


def supervised_loss(
    reconstruction: Tensor,
    label: Tensor,
    task_kl: Tensor,
    nuisance_kl: Tensor,
    *,
    label_weight: float,
    task_beta: float,
    nuisance_beta: float,
) -> Tensor:
    """``nll + lambda * label + beta_s * KL_s + beta_n * KL_n`` per row; all weights 1 give the negative ELBO."""
    return reconstruction + label_weight * label + task_beta * task_kl + nuisance_beta * nuisance_kl
