"""Samples in another pose, sent back through a classifier whose tap turns with the picture."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from schemas.results import Gallery
from tests.builders.posed_codes import TAP, PosedCodes, a_view, posefree
from workers.classifier.session import ClassifierSession, Outputs
from workers.stages.faithfulness import Faithful, judge, tap_sheet
from workers.stages.samples import without_pose

N, DRAWS = 60, 3


class Turning:
    """A classifier whose tap is the picture itself: two channels of two by two pixels, and a third of nothing."""

    independent = False

    def run(self, images: np.ndarray) -> Outputs:
        values = images[..., :2].transpose(0, 3, 1, 2).astype(np.float32) / 100
        return Outputs(values.max(axis=(2, 3)), {TAP: values})

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def pictures() -> np.ndarray:
    """``(n, 2, 2, 3)``."""
    lit = np.rint(100 * np.abs(PosedCodes.drawn(N, noise=0.2, seed=7).values)).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.concatenate([lit, np.zeros((N, 2, 2, 1), np.uint8)], axis=3)


def judged(samples: np.ndarray, **how: Any) -> Faithful:
    originals = pictures()
    return judge(cast(ClassifierSession, Turning()), TAP, originals, originals, samples, **how)


def turned() -> np.ndarray:
    """Each picture in three other poses."""
    return np.stack([np.rot90(pictures(), k, axes=(1, 2)) for k in (1, 2, 3)], axis=1).reshape(-1, 2, 2, 3)


def test_a_sample_in_another_pose_is_no_other_thing() -> None:
    """Between values it lies as far off as a random picture, between orbits nowhere."""
    found = judged(turned(), posefree=posefree())
    assert found.quotient is not None
    assert found.deviation.mean() / found.random > 0.8
    np.testing.assert_allclose(found.quotient, 0, atol=1e-6)
    assert found.agrees.all()


def test_other_things_stay_other_things() -> None:
    """Distances to random pictures are the unit: samples that are random pictures lie at 1."""
    rng = np.random.default_rng(0)
    strangers = pictures()[np.concatenate([rng.permutation(N) for _ in range(DRAWS)])]
    found = judged(strangers.reshape(DRAWS, N, 2, 2, 3).swapaxes(0, 1).reshape(-1, 2, 2, 3), posefree=posefree())
    assert found.quotient is not None
    assert found.quotient.mean() == pytest.approx(1.0, abs=0.2)


def test_on_the_view_deviations_are_those_of_the_view() -> None:
    found = judged(turned(), posefree=posefree(project=True))
    assert found.quotient is None
    assert found.deviation.max() < 1e-5 * found.random


def test_a_tap_without_orbits_is_measured_as_before() -> None:
    found = judged(turned())
    assert found.quotient is None
    values = Turning().run(pictures()).taps[TAP].reshape(N, -1)
    moved = Turning().run(turned()).taps[TAP].reshape(N, DRAWS, -1)
    np.testing.assert_allclose(found.deviation, np.linalg.norm(moved - values[:, None], axis=2), rtol=1e-5)


@pytest.mark.parametrize("how", [{}, {"posefree": posefree()}])
def test_the_sheet_tells_the_distance_between_orbits_where_there_are_orbits(how) -> None:
    sheet = tap_sheet(TAP, judged(turned(), **how), np.arange(2), np.arange(N), None, 2, np.random.default_rng(0), 50)
    assert (sheet.deviation_quotient is not None) is bool(how)
    if sheet.deviation_quotient is not None:
        assert sheet.deviation_quotient.high < 0.01 < sheet.deviation_random.low
        assert sheet.deviation_quotient.n == N


def test_maps_of_such_samples_say_what_they_share() -> None:
    maps = Gallery(view="samples:relu_1", title="What relu_1 leaves free", explanation="Each row.", notes=["Care."])
    told = without_pose(maps, TAP, a_view())
    assert told.view == "samples@invariant:relu_1"
    assert "but for the pose" in told.title
    assert "quarter turns" in told.explanation
    assert told.explanation.endswith("Each row.")
    assert told.notes == ["Care."]
    assert "more than the pose" in without_pose(maps, TAP, a_view(lossless=False)).notes[0]
