"""Square Attack on linear classifiers, whose smallest fooling change is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.classifier.attack import margins, random_signs, square_attack

SHAPE = (6, 10, 8, 3)


def a_rng() -> np.random.Generator:
    return np.random.default_rng(0)


def linear(weights: np.ndarray, bias: float):
    """Two classes: the second where ``weights . pixels + bias`` is positive."""

    def logits_of(images: np.ndarray) -> np.ndarray:
        score = images.reshape(len(images), -1).astype(np.float64) @ weights.ravel() + bias
        return np.stack([-score, score], axis=1).astype(np.float32)

    return logits_of


def smooth_weights() -> np.ndarray:
    """One sign per channel over the left half, the other over the right: squares can follow it."""
    weights = np.ones(SHAPE[1:])
    weights[:, SHAPE[2] // 2 :] = -1
    weights[..., 1] *= -1
    return weights


@pytest.mark.parametrize("strength", [0.3, 0.6])
def test_fools_a_linear_classifier_that_its_norm_can_fool(strength: float) -> None:
    images = np.full(SHAPE, 128, np.uint8)
    radius, weights = 8, smooth_weights()
    bias = -strength * radius * np.abs(weights).sum()
    attacked = square_attack(linear(weights, bias), images, np.zeros(6, np.int64), radius, 400, a_rng())
    assert attacked.fooled.all()
    assert (linear(weights, bias)(attacked.images).argmax(axis=1) == 1).all()
    assert np.abs(attacked.images.astype(int) - images).max() == radius


def test_never_claims_what_the_norm_forbids() -> None:
    images = np.full(SHAPE, 128, np.uint8)
    radius, weights = 8, smooth_weights()
    bias = -1.01 * radius * np.abs(weights).sum()
    attacked = square_attack(linear(weights, bias), images, np.zeros(6, np.int64), radius, 60, a_rng())
    assert not attacked.fooled.any()
    assert (attacked.queries == 60).all()


def test_beats_random_noise_of_the_same_norm() -> None:
    images, weights, radius = np.full((40, *SHAPE[1:]), 128, np.uint8), smooth_weights(), 8
    logits_of = linear(weights, -0.4 * radius * np.abs(weights).sum())
    answers = np.zeros(40, np.int64)
    noise = margins(logits_of(random_signs(images, radius, a_rng())), answers) < 0
    assert square_attack(logits_of, images, answers, radius, 300, a_rng()).fooled.all()
    assert not noise.any()


@settings(max_examples=25, deadline=None)
@given(radius=st.integers(1, 300), seed=st.integers(0, 99), channels=st.sampled_from([1, 3]))
def test_stays_in_the_norm_and_in_the_range_of_pixels(radius: int, seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (4, 7, 5, channels), dtype=np.uint8)
    logits_of = linear(rng.standard_normal(images.shape[1:]), 0.0)
    answers = logits_of(images).argmax(axis=1)
    attacked = square_attack(logits_of, images, answers, radius, 20, rng)
    assert attacked.images.dtype == np.uint8
    assert np.abs(attacked.images.astype(int) - images).max() <= radius
    assert (attacked.fooled == (logits_of(attacked.images).argmax(axis=1) != answers)).all()


def test_images_that_are_fooled_cost_nothing_more() -> None:
    asked: list[int] = []

    def logits_of(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return np.tile(np.array([[0.0, 1.0]], np.float32), (len(images), 1))

    attacked = square_attack(logits_of, np.zeros(SHAPE, np.uint8), np.zeros(6, np.int64), 8, 50, a_rng())
    assert asked == [6]
    assert (attacked.queries == 1).all()


def test_the_generator_decides_everything() -> None:
    images, logits_of = np.full(SHAPE, 128, np.uint8), linear(smooth_weights(), -900.0)
    runs = [square_attack(logits_of, images, np.zeros(6, np.int64), 8, 30, a_rng()).images for _ in range(2)]
    assert (runs[0] == runs[1]).all()


def test_one_output_means_two_classes() -> None:
    found = margins(np.array([[2.0], [2.0], [-3.0]], np.float32), np.array([1, 0, 0]))
    assert found.tolist() == [2.0, -2.0, 3.0]


def test_refuses_an_attack_that_can_do_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        square_attack(linear(smooth_weights(), 0.0), np.zeros(SHAPE, np.uint8), np.zeros(6, np.int64), 0, 10, a_rng())
