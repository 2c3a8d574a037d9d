"""Images as they are stored (uint8, channels last) and as networks read them (floats in [0, 1], channels first)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def to_floats(images: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
    """``(n, h, w, c)`` uint8 to ``(n, c, h, w)`` float32 in [0, 1]."""
    moved = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return (moved.permute(0, 3, 1, 2).float() / 255).contiguous()


def to_bytes(images: Tensor) -> np.ndarray:
    """``(n, c, h, w)`` floats, clipped to [0, 1], to ``(n, h, w, c)`` uint8 on the CPU."""
    scaled = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def in_batches(images: np.ndarray, size: int, device: str | torch.device = "cpu") -> Iterator[Tensor]:
    """Floats in batches of ``size``, so that a data set never has to fit as floats."""
    for start in range(0, len(images), size):
        yield to_floats(images[start : start + size], device)
