"""How far logits move, in one unit for all classifiers: the spread of their own logits over the references."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .pixels import Floats


def centred(logits: Floats) -> NDArray[np.float64]:
    """Logits ``(..., classes)`` less their mean per image: what softmax sees. A single score becomes two classes."""
    numbers = np.asarray(logits, dtype=np.float64)
    if numbers.shape[-1] == 1:
        numbers = np.concatenate([np.zeros_like(numbers), numbers], axis=-1)
    return np.asarray(numbers - numbers.mean(axis=-1, keepdims=True))


def logit_spread(references: Floats) -> float:
    """Root mean square deviation of centred logits ``(n, classes)`` from their class's mean; 1 where nothing varies."""
    spread = float(np.sqrt(centred(references).var(axis=0).mean()))
    return spread if spread > 0 else 1.0


def logit_change(before: Floats, after: Floats, valid: NDArray[np.bool_], spread: float) -> NDArray[np.float64]:
    """Mean absolute change of centred logits per image, ``(n,)``, in units of ``spread``.

    ``before (n, classes)``, ``after (n, draws, classes)``; draws that are not ``valid (n, draws)`` are left out, and an
    image without any is NaN.
    """
    moved = np.abs(centred(after) - centred(before)[:, None]).mean(axis=-1) / spread
    counts = valid.sum(axis=1)
    sums = np.where(valid, moved, 0).sum(axis=1)
    return np.asarray(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))
