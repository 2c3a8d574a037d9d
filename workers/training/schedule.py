"""Learning-rate schedule: linear warm-up, then half a cosine."""

from __future__ import annotations

import math


def warmup_cosine(step: int, total: int, *, warmup: float = 0.1, final: float = 0.0) -> float:
    """Factor of the peak learning rate at ``step`` (0-based), in (0, 1].

    Args:
        step: steps already taken, ``0 <= step < total``; later steps get ``final``.
        total: steps of the whole run, at least 1.
        warmup: share of the run that rises linearly, ``[0, 1)``.
        final: factor reached at the end, ``[0, 1]``.

    Raises:
        ValueError: ``total`` or ``warmup`` is out of range.
    """
    if total < 1 or not 0 <= warmup < 1:
        raise ValueError(f"need total >= 1 and 0 <= warmup < 1, got total={total}, warmup={warmup}")
    rising = warmup * total
    if step < rising:
        return min(1.0, (step + 1) / rising)
    done = min(1.0, (step - rising) / max(1.0, total - rising))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))
