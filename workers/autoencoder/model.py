"""The autoencoder ``x -> code -> x`` with standardised codes. It knows nothing of any classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.autoencoder.config import AutoencoderConfig
from workers.autoencoder.networks import decoder, encoder
from workers.tensors import require_shape

_MEAN_GREY = 0.25
_START_LOGIT = -1.0
_LOG_VARIANCE = (-14.0, 4.0)


class Autoencoder(nn.Module):
    """Gaussian encoder and decoder of images (beta-VAE, Higgins et al. 2017).

    Codes that callers see are standardised: over the training images each dimension of the posterior mean has mean 0
    and standard deviation 1. Dimensions that carried nothing are pruned (see :meth:`standardise`), so that nothing
    downstream has to model noise; ``code_dim`` is what is left.

    Args:
        shape: ``(c, h, w)`` of the images.
        config: sizes; only the architecture's fields are read.
    """

    kept: Tensor
    location: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, int, int], config: AutoencoderConfig) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = encoder(shape, config)
        self.decoder = decoder(shape, config)
        self.register_buffer("kept", torch.arange(config.code_dim))
        self.register_buffer("location", torch.zeros(config.code_dim))
        self.register_buffer("scale", torch.ones(config.code_dim))

    @property
    def code_dim(self) -> int:
        """Dimensions of the codes."""
        return len(self.kept)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and standard deviation, each ``(batch, code_dim)``, standardised.

        Args:
            images: ``(batch, c, h, w)``, floats in [0, 1].

        Raises:
            ShapeError: the images have another shape.
        """
        require_shape("images", images, None, *self.shape)
        mean, log_variance = self.posterior(images)
        keep = self.kept
        scale = self.scale[keep]
        return (mean[:, keep] - self.location[keep]) / scale, (0.5 * log_variance[:, keep]).exp() / scale

    def decode(self, codes: Tensor) -> Tensor:
        """Images ``(batch, c, h, w)`` in [0, 1] from standardised codes ``(batch, code_dim)``.

        Raises:
            ShapeError: the codes have another shape.
        """
        require_shape("codes", codes, None, self.code_dim)
        raw = self.location.repeat(len(codes), 1)
        raw[:, self.kept] = codes * self.scale[self.kept] + self.location[self.kept]
        return self.render(raw)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Raw posterior mean and log-variance, each ``(batch, config.code_dim)``; for training."""
        mean, log_variance = self.encoder(images - _MEAN_GREY).float().chunk(2, dim=1)
        return mean, log_variance.clamp(*_LOG_VARIANCE)

    def render(self, raw: Tensor) -> Tensor:
        """Images from raw codes; for training."""
        return torch.sigmoid(self.decoder(raw).float() + _START_LOGIT)

    @torch.no_grad()
    def standardise(self, mean: Tensor, kept: Tensor) -> None:
        """Fix the units of the codes.

        Args:
            mean: raw posterior means of the training images, ``(n, config.code_dim)``.
            kept: indices of the dimensions to keep; the others are decoded at their mean.
        """
        self.location.copy_(mean.mean(dim=0))
        self.scale.copy_(mean.std(dim=0, correction=0).clamp_min(1e-6))
        self.kept = kept.clone()
