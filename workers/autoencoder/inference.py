"""Many images at once, in batches, without gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workers.autoencoder.model import Autoencoder
from workers.autoencoder.pixels import in_batches, to_bytes


@torch.no_grad()
def encode_images(model: Autoencoder, images: np.ndarray, batch: int = 512) -> tuple[Tensor, Tensor]:
    """Standardised posterior means and stds of ``(n, h, w, c)`` uint8, each ``(n, code_dim)`` float32 on the CPU."""
    pairs = [model.encode(chunk) for chunk in in_batches(images, batch, model.location.device)]
    return torch.cat([mean for mean, _ in pairs]).cpu(), torch.cat([std for _, std in pairs]).cpu()


@torch.no_grad()
def decode_codes(model: Autoencoder, codes: Tensor, batch: int = 512) -> np.ndarray:
    """Images ``(n, h, w, c)`` uint8 of standardised codes ``(n, code_dim)``."""
    device = model.location.device
    return np.concatenate([to_bytes(model.decode(chunk.to(device))) for chunk in torch.split(codes, batch)])
