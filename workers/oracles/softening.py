"""Blur and noise, so that an oracle also reads images that came out of a decoder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_STRONGEST_NOISE = 0.06


def soften(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mix each image ``(batch, c, h, w)`` with its 3 x 3 mean by a random share and add noise; stays in [0, 1]."""
    share, strength = torch.rand(2, len(images), 1, 1, 1, generator=generator).to(images.device).unbind()
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    blurred = functional.avg_pool2d(padded, 3, stride=1)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    return (torch.lerp(images, blurred, share) + _STRONGEST_NOISE * strength * noise).clamp(0, 1)
