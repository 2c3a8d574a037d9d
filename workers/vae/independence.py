"""How much a block of latents depends on the answer, as a number with a gradient.

Hilbert-Schmidt independence criterion (Gretton et al. 2005) between ``z_n`` with a Gaussian kernel and the class
probabilities with a linear one, by random Fourier features (Rahimi and Recht 2007). An adversary chases the encoder and
lags behind; this looks at the batch itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_FEATURES = 256
_BANDWIDTHS = (0.5, 1.0, 2.0)


class Dependence(nn.Module):
    """``batch * || Cov(features(z_n), y) ||^2``: about 1 when independent, up to the batch size when not.

    Args:
        nuisance_dim: dimensions of ``z_n``.
    """

    frequencies: Tensor
    phases: Tensor

    def __init__(self, nuisance_dim: int) -> None:
        super().__init__()
        # Distances between standard normal points grow with sqrt(dim), so the kernel's width does too.
        width = math.sqrt(nuisance_dim) * torch.tensor(_BANDWIDTHS).repeat(-(-_FEATURES // 3))[:_FEATURES]
        self.register_buffer("frequencies", torch.randn(nuisance_dim, _FEATURES) / width)
        self.register_buffer("phases", 2 * math.pi * torch.rand(_FEATURES))

    def forward(self, nuisance: Tensor, targets: Tensor) -> Tensor:
        """Scalar from ``z_n`` ``(batch, nuisance_dim)`` and probabilities ``(batch, classes)``."""
        features = math.sqrt(2 / _FEATURES) * torch.cos(nuisance @ self.frequencies + self.phases)
        centred = targets - targets.mean(dim=0)
        return (features.T @ centred).square().sum() / len(nuisance)
