"""What training does differently on a GPU; chosen by the device alone. Image models choose bfloat16 by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch")


def compiled(objective: Callable[[Batch], Tensor], device: torch.device) -> Callable[[Batch], Tensor]:
    """``objective`` fused by ``torch.compile`` on CUDA, where launching a flow's small kernels takes most of a step.

    No GPU was at hand when this was written: it has not been run on one, only the choice is tested. On a CPU the
    objective is returned as it is: compiling takes longer than all that it could save there.
    """
    return torch.compile(objective) if device.type == "cuda" else objective
