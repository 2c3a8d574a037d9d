"""Whether a feature is pose at all: how far its reading changes when the group moves the input.

What a feature of ``x`` is under a group is a matter of the feature, not of a probe that fails to find it: a distance
stays under every turn, a place does not. ``E|f(gx) - f(x)|^2`` over an evenly drawn ``g`` is 0 of what is invariant,
and of what says nothing but the pose as much as two random references differ by (twice the variance of ``f``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .estimators import Shares, total_parts
from .thresholds import DEFAULT, Thresholds

Encoded = NDArray[np.float64]


def changed(before: Encoded, after: Encoded, thresholds: Thresholds = DEFAULT) -> Shares | None:
    """How far moving the input changes the reading, as a share of what two random references differ by.

    ``before (n, k)`` of the references, ``after (g, n, k)`` of each moved by each element; NaN where there is none.
    ``None`` where too few can be read, where nothing varies, or where a reader that was never shown such pictures says
    much the same of all of them: then what it reads of them is no reading.
    """
    read = np.asarray(np.isfinite(after).all(axis=2) & np.isfinite(before).all(axis=1))  # (g, n): moved and still read
    known = np.asarray(read.any(axis=0))
    if np.count_nonzero(known) < thresholds.fewest_images:
        return None
    was, now, read = before[known], after[:, known], read[:, known]
    spread = was.var(axis=0).sum()
    if spread <= 0 or _spread_within(now, read) < thresholds.still_read * spread:
        return None
    apart = np.where(read, np.square(now - was).sum(axis=2), 0.0).sum(axis=0) / read.sum(axis=0)
    return Shares(apart / 2, total_parts(was[:, None])).spread_over(known)


def _spread_within(now: Encoded, read: NDArray[np.bool_]) -> float:
    """Variance of what is read of references moved by one element, the mean over readings of every element."""
    within = [(each[seen].var(axis=0).sum(), seen.sum()) for each, seen in zip(now, read, strict=True) if seen.any()]
    return float(np.average([one for one, _ in within], weights=[count for _, count in within]))
