"""Scores of strange images: closed forms, brute force, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workers.evidence.bootstrap import resampling_weights
from workers.stages.views.strangeness import auc_interval, beyond, nearest


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def interval(strange: np.ndarray, usual: np.ndarray, seed: int = 0, resamples: int = 400):
    g = rng(seed)
    weights = [resampling_weights(len(scores), resamples, g) for scores in (strange, usual)]
    return auc_interval(strange, usual, *weights)


def test_two_shifted_normals_have_their_area_inside_the_interval_as_often_as_promised() -> None:
    truth = stats.norm.cdf(1 / np.sqrt(2))
    hits = 0
    for seed in range(100):
        g = rng(seed)
        found = interval(g.normal(1, 1, 60), g.normal(0, 1, 80), seed)
        hits += found.low <= truth <= found.high
    assert hits >= 88


def test_equal_scores_count_half() -> None:
    assert interval(np.zeros(20), np.zeros(30)).value == 0.5


def test_separated_scores_are_not_said_to_be_certain() -> None:
    found = interval(np.arange(100.0, 130.0), np.arange(0.0, 30.0))
    assert found.value == 1
    assert found.low == pytest.approx(0.9)
    assert interval(np.arange(0.0, 30.0), np.arange(100.0, 130.0)).high == pytest.approx(0.1)


def test_nearest_is_what_brute_force_finds() -> None:
    points, references = rng(1).normal(size=(700, 5)), rng(2).normal(size=(90, 5))
    found = nearest(points.astype(np.float32), references.astype(np.float32))
    distances = np.linalg.norm(points[:, None] - references, axis=-1)
    assert (found.rows == distances.argmin(axis=1)).all()
    np.testing.assert_allclose(found.distances, distances.min(axis=1), atol=1e-3)


def test_no_reference_is_its_own_neighbour() -> None:
    references = rng(3).normal(size=(600, 4)).astype(np.float32)
    found = nearest(references[:550], references, skip_self=True)
    assert (found.rows != np.arange(550)).all()
    assert (found.distances > 1e-3).all()


def test_beyond_counts_one_in_twenty_of_the_usual() -> None:
    usual = rng(4).normal(size=10_000)
    assert beyond(rng(5).normal(size=10_000), usual).mean() == pytest.approx(0.05, abs=0.01)
    assert beyond(usual + 10, usual).all()
