"""A patch discriminator: says of each part of an image whether it looks decoded (PatchGAN, Isola et al. 2017)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def patch_discriminator(channels: int, width: int = 48) -> nn.Sequential:
    """Convolutions ``(batch, channels, h, w) -> (batch, 1, h/8, w/8)`` scores, high for real; sides >= 16 px."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((channels, width), (width, 2 * width), (2 * width, 4 * width)):
        layers += [nn.utils.parametrizations.spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 3, padding=1))


def discriminator_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the discriminator from its scores (Lim and Ye 2017); scalar, 0 when both sides clear the margin."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def generator_hinge(fake: Tensor) -> Tensor:
    """Loss of the decoder from the discriminator's scores; scalar."""
    return -fake.mean()
