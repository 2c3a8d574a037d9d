"""How many task dimensions an answer needs: the sweep of ``dim z_s``, done on the answers alone.

The head is linear, so with ``d`` task dimensions its log-odds have rank ``d``. The smallest rank of the classifier's
log-odds that still gives the classifier's answers is enough for a linear head; each dimension beyond it is room for
nuisance that the frozen block would then hide (papers.md 1(e), "task-block hoarding"). Training a VAE per candidate
would ask the same question at many times the cost.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workers.tensors import require_shape

KEPT = 0.995
"""Share of the answers that the low rank must keep; what the VAE loses on top is measured by its fidelity."""
LEAST_PROBABILITY = 1e-3
"""Answers surer than that count as this sure: beyond it log-odds grow without any effect on a decision."""

_ROWS = 10_000


def task_dimensions(soft_targets: Tensor, largest: int) -> int:
    """The smallest rank, 1 to ``largest``, of log-odds that keeps ``KEPT`` of the arg-max answers.

    Args:
        soft_targets: class probabilities ``(n, k)`` in any order; of many rows the first 10,000 are looked at.
        largest: bound; returned when no smaller rank is enough.

    Raises:
        ShapeError: not a matrix.
        ValueError: there are no rows, or ``largest`` is below 1.
    """
    require_shape("soft_targets", soft_targets, None, None)
    if len(soft_targets) < 1 or largest < 1:
        raise ValueError("need at least one row, and largest >= 1")
    soft_targets = soft_targets[:_ROWS]
    odds = soft_targets.double().clamp_min(LEAST_PROBABILITY).log()
    odds = odds - odds.mean(dim=1, keepdim=True)
    centre = odds.mean(dim=0)
    answers = soft_targets.argmax(dim=1)
    u, s, v = torch.linalg.svd(odds - centre, full_matrices=False)
    kept = centre.expand_as(odds)
    for rank in range(1, min(largest, len(s)) + 1):
        kept = kept + s[rank - 1] * u[:, rank - 1, None] * v[rank - 1]
        if float((kept.argmax(dim=1) == answers).double().mean()) >= KEPT:
            return rank
    return max(1, min(largest, soft_targets.shape[1] - 1))
