"""Closed-form conditional linear-Gaussian density: the floor every flow must beat, and the flow's first layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from workers.flows.transform import Transform

_JITTER = 1e-6


def standard_normal_log_prob(v: Tensor) -> Tensor:
    """Log N(v; 0, I) per row, nats, with the constant: ``(batch, dim) -> (batch,)``."""
    return -0.5 * (v.square().sum(dim=1) + v.shape[1] * math.log(2 * math.pi))


class LinearGaussian(Transform):
    """``p(code | c) = N(W c + b, C)``; as a transform it whitens, ``v = L^-1 (code - W c - b)`` with ``L L^T = C``.

    With ``context=0`` it is the unconditional Gaussian.

    Args:
        dim: size of the code.
        context: size of ``c``, 0 allowed.
        trainable: whether gradients reach ``W``, ``b`` and ``L``.
    """

    def __init__(self, dim: int, context: int, *, trainable: bool = False) -> None:
        super().__init__()
        self.reads = context
        self.weight = nn.Parameter(torch.zeros(dim, context), requires_grad=trainable and context > 0)
        self.bias = nn.Parameter(torch.zeros(dim), requires_grad=trainable)
        self.lower = nn.Parameter(torch.zeros(dim, dim), requires_grad=trainable)
        self.log_diagonal = nn.Parameter(torch.zeros(dim), requires_grad=trainable)

    @torch.no_grad()
    def set_moments(self, weight: Tensor, bias: Tensor, covariance: Tensor) -> None:
        """Take ``W (dim, context)``, ``b (dim,)`` and a positive definite ``C (dim, dim)``."""
        factor = torch.linalg.cholesky(covariance)
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        self.lower.copy_(factor.tril(-1))
        self.log_diagonal.copy_(factor.diagonal().log())

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        residual = x - self._mean_for(x, context)
        v = torch.linalg.solve_triangular(self.factor(), residual.T, upper=False).T
        return v, -self.log_diagonal.sum().expand(len(x))

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = functional.linear(y, self.factor()) + self._mean_for(y, context)
        return x, self.log_diagonal.sum().expand(len(y))

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Log density of codes, nats, ``(batch,)``."""
        v, ladj = self.run(x, context)
        return standard_normal_log_prob(v) + ladj

    def mean(self, context: Tensor | None = None) -> Tensor:
        """``W c + b``: ``(batch, dim)``, or ``(dim,)`` without a context."""
        return self.bias if context is None else functional.linear(context, self.weight, self.bias)

    def _mean_for(self, rows: Tensor, context: Tensor | None) -> Tensor:
        mean = self.mean(context)
        return mean if context is None else mean.repeat_interleave(len(rows) // max(1, len(context)), dim=0)

    def factor(self) -> Tensor:
        """The Cholesky factor ``L``, ``(dim, dim)``."""
        return self.lower.tril(-1) + torch.diag(self.log_diagonal.exp())


def fit_linear_gaussian(
    means: Tensor, stds: Tensor, context: Tensor, *, ridge: float = 1e-3, trainable: bool = False
) -> LinearGaussian:
    """Fit by moments, in float64, with the posterior noise in closed form instead of drawn.

    Args:
        means: posterior means of the codes, ``(n, d)``.
        stds: posterior standard deviations, ``(n, d)``, zeros allowed.
        context: ``(n, k)``, ``k = 0`` allowed.
        ridge: penalty in units of the mean variance of the context; keeps constant or collinear columns harmless.
        trainable: passed on.

    Returns:
        The density in the dtype and on the device of ``means``. Its covariance is corrected for the degrees of
        freedom that the regression used: the plain residual covariance would be too confident.

    Raises:
        ValueError: fewer than two rows, or row counts that differ.
    """
    if len(means) < 2 or not len(means) == len(stds) == len(context):
        raise ValueError(f"need equal counts of at least 2 rows, got {len(means)}, {len(stds)}, {len(context)}")
    x, c = means.double(), context.double()
    x_mean, c_mean = x.mean(dim=0), c.mean(dim=0)
    weight, freedom = _ridge(x - x_mean, c - c_mean, ridge)
    residual = (x - x_mean) - (c - c_mean) @ weight.T
    covariance = residual.T @ residual / max(1.0, len(x) - 1 - freedom) + torch.diag(stds.double().square().mean(dim=0))
    jitter = _JITTER * covariance.diagonal().mean().clamp_min(_JITTER)
    covariance += jitter * torch.eye(len(covariance), dtype=x.dtype, device=x.device)
    fitted = LinearGaussian(x.shape[1], c.shape[1], trainable=trainable).to(means)
    fitted.set_moments(weight, x_mean - weight @ c_mean, covariance)
    return fitted


def fit_gaussian(means: Tensor, stds: Tensor) -> LinearGaussian:
    """The unconditional full-covariance Gaussian; arguments as in :func:`fit_linear_gaussian`."""
    return fit_linear_gaussian(means, stds, means.new_zeros(len(means), 0))


def _ridge(x: Tensor, c: Tensor, ridge: float) -> tuple[Tensor, float]:
    """Ridge regression of centred ``x`` on centred ``c``: weight ``(d, k)`` and effective degrees of freedom."""
    k = c.shape[1]
    if k == 0:
        return x.new_zeros(x.shape[1], 0), 0.0
    gram = c.T @ c / len(c)
    penalty = ridge * gram.diagonal().mean()
    penalty = penalty if penalty > 0 else torch.ones_like(penalty)
    factor = torch.linalg.cholesky(gram + penalty * torch.eye(k, dtype=c.dtype, device=c.device))
    weight = torch.cholesky_solve(c.T @ x / len(c), factor).T
    return weight, float(torch.cholesky_solve(gram, factor).diagonal().sum())
