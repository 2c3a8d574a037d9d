"""How well an attribute is read: one number for every kind, 1 perfect, 0 no better than a constant."""

from __future__ import annotations

import torch
from torch import Tensor

from workers.oracles.target import Column


def share_explained(column: Column, outputs: Tensor, numbers: Tensor) -> float:
    """``1 - squared error / variance`` of the target numbers, outputs summed; at most 1, negative when misleading.

    R^2 for numeric attributes, its circular form on (cos, sin), explained Gini impurity for categories (one-hot against
    probabilities). A constant attribute explains nothing: 0.

    Args:
        column: what was read.
        outputs: raw outputs ``(n, outputs)``.
        numbers: true ones, as from ``to_numbers``.
    """
    found = outputs.softmax(dim=1) if column.kind == "categorical" else outputs
    if column.kind == "circular":
        found = outputs / outputs.norm(dim=1, keepdim=True).clamp_min(1)
    spread = (numbers - numbers.mean(dim=0)).square().sum()
    if spread <= torch.finfo(numbers.dtype).eps * len(numbers):
        return 0.0
    return float(1 - (found - numbers).square().sum() / spread)
