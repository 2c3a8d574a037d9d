"""Shape checks, batch sums and seeded generators: the few things that every numeric module needs."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


class ShapeError(ValueError):
    """A tensor has another shape than the function needs; the message holds both."""


def require_shape(name: str, tensor: Tensor, *shape: int | None) -> None:
    """Check ``tensor.shape`` against ``shape``, where ``None`` matches any size.

    Raises:
        ShapeError: the number of axes or a fixed size differs.
    """
    same_rank = tensor.dim() == len(shape)
    if not same_rank or any(want is not None and want != got for want, got in zip(shape, tensor.shape, strict=True)):
        raise ShapeError(f"{name} must have shape {shape}, got {tuple(tensor.shape)}")


def sum_per_item(tensor: Tensor) -> Tensor:
    """Sum over every axis but the first: ``(batch, ...) -> (batch,)``."""
    return tensor.flatten(1).sum(dim=1)


def generator_for(seed: int, *path: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator that depends on ``seed`` and on a path of names, so that one stage's draws never shift another's."""
    text = "/".join([str(seed), *map(str, path)])
    derived = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return torch.Generator(device=device).manual_seed(derived)
