"""The experiment of the attack view, on a classifier whose smallest fooling norm is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from tests.builders import toy_studios
from workers.classifier.session import ClassifierSession, Outputs
from workers.stages.references import References
from workers.stages.views.assault import RADII, Assault, assail, sure_rows
from workers.stages.views.attack import difference, shift

NEEDED = 10
"""Grey levels by which the whole image must grow lighter."""


class Lightness:
    """Says 1 where the mean of an image exceeds ``128 + NEEDED``; its one tap is the mean."""

    independent = False

    def run(self, images: np.ndarray) -> Outputs:
        mean = images.reshape(len(images), -1).mean(axis=1, dtype=np.float32)[:, None]
        score = mean - 128 - NEEDED
        return Outputs(np.concatenate([-score, score], axis=1), {"mean": mean})

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(logits[:, ::-1] - logits)), np.float32)


@pytest.fixture(scope="module")
def studio() -> Any:
    images = np.full((12, 8, 8, 3), 128, np.uint8)
    classifier = Lightness()
    return replace(
        toy_studios.studio(12),
        references=References(images, np.zeros(12, np.int64), ()),
        classifier=cast(ClassifierSession, classifier),
        probabilities=classifier.probabilities_of(classifier.run(images).logits),
    )


@pytest.fixture(scope="module")
def found(studio: Any) -> Assault:
    return assail(toy_studios.context("attack"), studio, np.arange(12))


def test_each_image_keeps_the_smallest_norm_that_fooled_it(found: Assault) -> None:
    assert found.fooled.all()
    assert (found.radius == 16).all(), "4 and 8 cannot lift the mean by 10, 16 can"
    assert np.abs(found.attacked.astype(int) - found.originals).max() == 16
    assert (found.queries > 2 * 400).all(), "both smaller norms were searched in full"


def test_noise_of_the_same_norm_does_nothing_here(found: Assault) -> None:
    assert found.noise_rates.shape == (len(RADII), 12)
    assert (found.noise_fooled == 0).all()
    assert (np.abs(found.noisy.astype(int) - found.originals) == 16).all()


def test_images_that_are_answered_wrongly_are_left_alone(studio: Any) -> None:
    context = toy_studios.context("attack", classes=None, outputs=None)
    assert len(sure_rows(context, studio)) == 12
    wrong = replace(studio, references=replace(studio.references, labels=np.ones(12, np.int64)))
    assert len(sure_rows(context, wrong)) == 0


def test_shift_is_measured_in_distances_between_images() -> None:
    values = np.array([[0.0], [2.0], [4.0], [2.0]], np.float32)
    before, after = Outputs(values, {"tap": values}), Outputs(values, {"tap": values + 1})
    assert shift(before, after, "tap").tolist() == [0.5] * 4
    assert shift(before, before, "tap").tolist() == [0.0] * 4


def test_the_shown_difference_is_amplified_around_mid_grey() -> None:
    before = np.array([[[[10, 10, 200]]]], np.uint8)
    after = np.array([[[[14, 6, 255]]]], np.uint8)
    assert difference(before, after, 7).ravel().tolist() == [156, 100, 255]
