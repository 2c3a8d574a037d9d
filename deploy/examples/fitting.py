"""Training of the examples' classifiers, with a progress bar, and reading them batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from .poses import Digits, Images

Pose = Callable[[Images, np.random.Generator], Images]
"""How a training batch is posed, afresh at each step."""


def fit(
    model: nn.Module, digits: Digits, pose: Pose, steps: int, seed: int, console: Console, title: str, batch: int = 64
) -> None:
    """Train ``model`` on ``digits`` (AdamW, one cycle, smoothed labels) and leave it in evaluation mode."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-3, total_steps=steps)
    model.train()
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=steps, loss="")
        for _ in range(steps):
            pick = rng.integers(len(digits), size=batch)
            logits = model(to_tensor(pose(digits.grey[pick], rng)))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(digits.labels[pick]), label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            bar.update(task, advance=1, loss=f"loss {loss.item():.2f}")
    model.eval()


def to_tensor(grey: Images) -> Tensor:
    """``(n, 28, 28)`` to ``(n, 1, 28, 28)``."""
    return torch.from_numpy(np.ascontiguousarray(grey))[:, None]


def read(function: Callable[[Tensor], Tensor], grey: Images, batch: int = 250) -> NDArray[np.float32]:
    """``function`` of all pictures, without gradients: ``(n, ...)`` float32."""
    with torch.no_grad():
        parts = [function(to_tensor(grey[start : start + batch])).numpy() for start in range(0, len(grey), batch)]
    return np.concatenate(parts)
