"""The concept score: analytic on planted factors, honest intervals, and a null that random pairs respect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workers.concepts.pairs import random_pairs
from workers.concepts.scores import concept_score, pair_score


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def planted(n: int, weights: list[float], draw: np.random.Generator, dim: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Codes ``sum_k w_k u_k A_k``, and pairs (2 i, 2 i + 1) that share the first factor (two numbers)."""
    factors = draw.standard_normal((n, len(weights), 2))
    factors[1::2, 0] = factors[::2, 0]
    mixing = np.linalg.qr(draw.standard_normal((dim, 2 * len(weights))))[0]
    codes = (factors * np.array(weights)[:, None]).reshape(n, -1) @ mixing.T
    return codes, np.arange(n, dtype=np.int64).reshape(-1, 2)


@pytest.mark.parametrize("weights", [[1.0, 1.0], [2.0, 1.0, 1.0], [0.3, 1.0]])
def test_it_is_the_share_of_the_shared_variance(weights: list[float]) -> None:
    """papers.md 5.4, P9: mixing is a rotation, so the shares are those of the squared weights."""
    squared = np.square(weights)
    score = concept_score(*planted(40_000, weights, rng()), rng())
    assert score.value == pytest.approx(squared[0] / squared.sum(), abs=0.02)
    assert score.low < score.value < score.high


def test_intervals_cover_the_truth_although_images_recur() -> None:
    """200 images in 600 pairs that share a class: intervals for independent pairs would be far too short."""
    covered = 0
    for seed in range(150):
        draw = rng(seed)
        label = draw.integers(0, 5, 200)
        codes = np.eye(5)[label] @ np.diag([3.0] * 5) + draw.standard_normal((200, 5))
        pairs = random_pairs(np.arange(200), 20_000, draw)
        pairs = pairs[label[pairs[:, 0]] == label[pairs[:, 1]]][:600]
        truth = 9 * 0.8 / (9 * 0.8 + 5)
        score = concept_score(codes, pairs, draw)
        covered += score.low <= truth <= score.high
    assert covered >= 0.88 * 150


def test_random_pairs_stay_below_the_null_nineteen_times_in_twenty() -> None:
    below = 0
    for seed in range(200):
        draw = rng(seed)
        codes = draw.standard_normal((600, 300)) * np.linspace(0.01, 3, 300)
        score = concept_score(codes, np.arange(600).reshape(-1, 2), draw)
        below += score.value < score.null
    assert 0.90 <= below / 200 <= 0.995


def test_the_null_is_that_of_permuted_partners() -> None:
    draw = rng(2)
    codes, pairs = planted(600, [1.0, 1.0], draw)
    permuted = [pair_score(codes, np.stack([pairs[:, 0], draw.permutation(pairs[:, 1])], axis=1)) for _ in range(400)]
    assert concept_score(codes, pairs, draw).null == pytest.approx(float(np.quantile(permuted, 0.95)), rel=0.2)


@settings(max_examples=40, deadline=None)
@given(values=arrays.arrays(np.float64, (8, 3), elements=st.floats(-100, 100)), seed=st.integers(0, 99))
def test_it_stays_between_minus_one_and_one(values: np.ndarray, seed: int) -> None:
    pairs = random_pairs(np.arange(8), 20, rng(seed))
    score = concept_score(values, pairs, rng())
    assert -1.0001 <= score.value <= 1.0001
    assert score.low <= score.high


def test_identical_and_opposite_sides() -> None:
    values = np.array([[1.0, 2.0], [1.0, 2.0], [-3.0, 0.0], [-3.0, 0.0]])
    assert pair_score(values, np.array([[0, 1], [2, 3]])) == pytest.approx(1)
    assert pair_score(values, np.array([[0, 2], [3, 1]])) == pytest.approx(-1)


def test_what_never_varies_scores_zero() -> None:
    score = concept_score(np.ones((10, 4), np.float16), random_pairs(np.arange(10), 20, rng()), rng())
    assert (score.value, score.low, score.high, score.null) == (0, 0, 0, 0)


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="three pairs"):
        concept_score(np.ones((4, 2)), np.array([[0, 1]]), rng())
