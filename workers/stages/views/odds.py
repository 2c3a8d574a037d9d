"""The log-odds of an answer: what every attribution here explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float32]


def log_odds(logits: Floats, answers: NDArray[np.int64]) -> Floats:
    """``log p(answer) - log p(any other)`` per image, ``(n,)``, of logits ``(n, classes)``; finite however sure.

    A logit alone says too little: evidence for another class takes from the answer as well. One output stands for two
    classes, whose second it is.
    """
    wide = np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
    chosen = np.arange(wide.shape[1]) == answers[:, None]
    others = logsumexp(np.where(chosen, -np.inf, wide.astype(np.float64)), axis=1)
    return np.asarray(wide[chosen] - others, dtype=np.float32)
