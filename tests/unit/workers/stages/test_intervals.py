"""Retentions as intervals: what a misled probe reads is no evidence of absence."""

from __future__ import annotations

import numpy as np

from workers.evidence.estimators import Shares
from workers.evidence.family import family
from workers.evidence.retention_states import RetentionState, held
from workers.stages.intervals import Resampler, Statistician


def shares(lost: float, n: int = 400) -> Shares:
    """A reading that leaves ``lost`` of the variance, image by image."""
    rng = np.random.default_rng(0)
    total = 0.5 + rng.random(n)
    return Shares(lost * total, total)


def statistician() -> Statistician:
    return Statistician(Resampler(np.random.default_rng(1), 200), family(5, 5, 2))


def test_reading_worse_than_the_mean_shows_nothing() -> None:
    """Clipped to 0 with a narrow interval it would pass for a low retention, and lead to ``ignored``."""
    misled = statistician().retained(shares(8.0), 0.0, 1.0)
    assert misled is not None
    assert (misled.value, misled.low, misled.high) == (0.0, 0.0, 1.0)
    assert held(None, misled.jointly, None) is RetentionState.UNCLEAR
    assert held(shown(0.01), misled.jointly, None) is RetentionState.UNCLEAR


def test_reading_nothing_is_low() -> None:
    """A feature that is not there is read a hair worse than by the mean: that is what absence looks like."""
    assert held(None, shown(1.004), None) is RetentionState.LOW


def shown(lost: float):  # type: ignore[no-untyped-def]
    found = statistician().retained(shares(lost if lost > 1 else 1 - lost), 0.0, 1.0)
    assert found is not None
    return found.jointly
