"""Walks, swaps and drivers where the split is exact: the nuisance never changes the answer, the task block does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from schemas.results import Estimate, Gallery
from tests.builders import toy_benches
from workers.evidence.bootstrap import resampling_weights
from workers.stages.views.blocks import block_gallery, cautions, leakage_estimate
from workers.stages.views.drivers import driver_gallery
from workers.stages.views.movement import most_moved
from workers.stages.views.swaps import pairs, swap_gallery
from workers.stages.views.traversals import walk_gallery
from workers.stages.views.walks import Bench, ranked_walks
from workers.vae import Latent, Leakage


@pytest.fixture(scope="module")
def bench() -> Bench:
    return toy_benches.bench(outputs=["dark", "bright"])


def values(gallery: Gallery) -> dict[str, float | None]:
    for measure in gallery.measures:
        if measure.estimate is not None:
            assert measure.estimate.low <= measure.estimate.value <= measure.estimate.high
    return {measure.name: measure.value for measure in gallery.measures}


def test_nuisance_walks_keep_every_answer_and_name_what_they_move(bench: Bench) -> None:
    gallery = walk_gallery(bench, "nuisance")
    found = values(gallery)
    assert found["nuisance_1_keeps"] == 1
    assert found["nuisance_1_tracks"] == pytest.approx(1)
    # two ends 3.9 standard deviations apart; two random images are sqrt(2) apart
    assert found["nuisance_1_moves"] == pytest.approx(3.92**2 / 2, rel=0.2)
    assert {row.heading for row in gallery.rows} == {"nuisance 1, moves balance most"}
    marks = [picture.mark for row in gallery.rows for picture in row.pictures[1:] if picture]
    assert marks == ["same"] * len(marks)
    assert len(gallery.columns) == len(gallery.rows[0].pictures) == 9


def test_task_walks_flip_the_answer_half_way_and_say_to_what(bench: Bench) -> None:
    gallery = walk_gallery(bench, "task")
    assert values(gallery)["task_1_changes"] == pytest.approx(0.5, abs=0.12)
    for row in gallery.rows:
        answers = [picture.caption.split()[0] for picture in row.pictures[2:] if picture]
        assert answers == ["dark"] * 3 + [answers[3]] + ["bright"] * 3
        first = row.pictures[0]
        assert first is not None
        for answer, picture in zip(answers, row.pictures[2:], strict=True):
            assert picture is not None
            assert picture.mark == ("same" if answer == first.caption.split()[0] else "changed")


def test_a_dimension_that_never_varies_is_not_walked_along(bench: Bench) -> None:
    still = replace(bench, latent=Latent(bench.latent.task, torch.zeros_like(bench.latent.nuisance)))
    assert ranked_walks(still, "nuisance") == []
    assert "there is no walk" in walk_gallery(still, "nuisance").notes[0]


def test_a_swap_takes_the_answer_along_and_leaves_the_look(bench: Bench) -> None:
    found = values(swap_gallery(bench))
    assert found["swap_takes"] == 1
    assert found["swap_keeps"] == 0
    assert found["swap_unswapped"] == 1
    images = bench.studio.references.images.astype(float)
    stripe = np.square(images[:, None, :, 7] - images[:, :, 7]).sum(axis=(2, 3))
    square = np.square(images[:, None, :, :7] - images[:, :, :7]).sum(axis=(2, 3, 4))
    bright = images[:, 0, 7, 0] > 128
    apart = bright[:, None] != bright
    assert found["swap_looks"] == pytest.approx((stripe < square)[apart].mean(), abs=0.12)


def test_a_swap_of_blocks_the_wrong_way_round_is_seen(bench: Bench) -> None:
    """A VAE that calls the square the task: nothing goes with the swap."""
    model = bench.vae.model
    wrong = toy_benches.vae(bench.studio.means)
    wrong.model.decoder = torch.nn.Identity()  # type: ignore[assignment]
    turned = replace(bench, vae=wrong, latent=Latent(bench.latent.nuisance, bench.latent.task))
    found = values(swap_gallery(turned))
    assert found["swap_takes"] == 0
    assert found["swap_keeps"] == 1
    assert model is bench.vae.model


def test_pairs_differ_in_their_answers_and_use_no_image_twice() -> None:
    answers = np.array([0, 0, 1, 2, 2, 2])
    a, b = pairs(answers, 5, np.random.default_rng(0))
    assert len(set(a.tolist())) == 5
    assert (answers[a] != answers[b]).all()
    assert len(pairs(np.zeros(4, np.int64), 5, np.random.default_rng(0))[0]) == 0


def test_one_answer_for_all_images_is_said_not_crashed_on(bench: Bench) -> None:
    same = replace(bench, studio=replace(bench.studio, probabilities=np.tile(np.float32([0.9, 0.1]), (200, 1))))
    assert "no pairs" in swap_gallery(same).notes[0]
    assert "class_share" not in values(block_gallery(same))


def test_the_split_is_measured_as_it_is(bench: Bench) -> None:
    gallery = block_gallery(bench)
    found = values(gallery)
    assert found["agreement"] == 1
    square, whole = (v.astype(float).var(axis=0, ddof=1).mean() for v in _square_and_whole(bench))
    assert found["diversity"] == pytest.approx(square / whole, rel=0.25)
    assert found["diversity_floor"] == pytest.approx(0, abs=0.01)
    assert found["class_share"] == pytest.approx(0, abs=0.03)
    assert gallery.notes == []


def _square_and_whole(bench: Bench) -> tuple[np.ndarray, np.ndarray]:
    whole = bench.studio.references.images
    square = whole.copy()
    square[:, :, 7] = 0
    return square, whole


def estimate(value: float, half: float = 0.01) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=100, method="given")


def test_agreement_without_diversity_and_style_by_class_are_warned_of() -> None:
    assert "says nothing" in cautions(estimate(0.01), estimate(0.01), None)[0]
    assert cautions(estimate(0.5), estimate(0.01), estimate(0.0)) == []
    assert "differs between answers" in cautions(estimate(0.5), estimate(0.01), estimate(0.3))[0]


def test_leakage_runs_from_chance_to_all() -> None:
    none, full = leakage_estimate(Leakage(0.25, 0.25, 400)), leakage_estimate(Leakage(1.0, 0.25, 400))
    assert none.value == 0
    assert none.low < 0 < none.high
    assert full.value == full.high == pytest.approx(1)
    assert full.low > 0.9
    assert leakage_estimate(Leakage(1.0, 1.0, 50)).high == 1


def test_the_only_task_dimension_drives_both_answers(bench: Bench) -> None:
    gallery = driver_gallery(bench)
    assert values(gallery)["task_1_flips"] == pytest.approx(0.5, abs=0.12)
    measured, head = gallery.charts
    assert measured.x == head.x == ["task 1"]
    assert {line.name for line in measured.lines} == {"all answers", "dark", "bright"}
    for chart in gallery.charts:
        for line in chart.lines:
            (found,) = line.values
            assert found is not None
            assert found.low > 0


def test_features_without_a_reading_name_nothing(bench: Bench) -> None:
    images = bench.studio.references.images[:4]
    assert most_moved(bench.studio, images, images, resampling_weights(4, 20, np.random.default_rng(0))) is None
