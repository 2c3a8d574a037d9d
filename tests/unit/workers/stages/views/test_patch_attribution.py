"""Maps of classifiers whose pixels are known: the mass lies where they look, and adds up."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from schemas.classifiers import InputSpec
from schemas.results import Estimate
from tests.builders import onnx_graphs, toy_benches
from tests.builders.classifiers import accepted
from workers.classifier.session import ClassifierSession
from workers.stages.views.attribution import cautions, make_maps, pixel_gallery, rank_correlations
from workers.stages.views.colours import legend, overlay, signed
from workers.stages.views.odds import log_odds
from workers.stages.views.patches import border_colour, patch_maps, patch_numbers, per_patch, visible_patches

GRID, SIZE = 4, 16


def session(model: onnx.ModelProto) -> ClassifierSession:
    facts, canonical = accepted(model)
    return ClassifierSession(canonical, facts, InputSpec())


def looking_at(*patches: tuple[int, int], op: str = "Sum") -> ClassifierSession:
    """Two classes; the odds are the ``op`` of how bright the given patches of a 4 x 4 grid are."""
    b = onnx_graphs.GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    seen = []
    for i, (row, column) in enumerate(patches):
        weight = np.zeros((3, SIZE, SIZE), np.float32)
        weight[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0.1
        seen.append(b.node("MatMul", ["flat", b.constant(f"w{i}", weight.reshape(-1, 1))], f"patch{i}"))
    b.node(op, seen, "odds")
    b.node("Concat", ["odds", b.node("Neg", ["odds"], "against")], "scores", axis=1)
    return session(b.build(classes=2))


def noise(n: int = 5, seed: int = 0) -> np.ndarray:
    images = np.random.default_rng(seed).integers(60, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
    images[:, [0, -1]] = 0
    images[:, :, [0, -1]] = 0
    return images


def maps_of(classifier: ClassifierSession, images: np.ndarray, orders: int = 2, seed: int = 0) -> np.ndarray:
    answers = np.zeros(len(images), np.int64)
    return patch_maps(classifier, images, answers, GRID, orders, torch.Generator().manual_seed(seed)).mean


def test_all_mass_lies_in_the_one_patch_that_is_looked_at() -> None:
    images = noise()
    found = maps_of(looking_at((1, 2)), images)
    inside = images[:, 4:8, 8:12].astype(float).sum(axis=(1, 2, 3)) * 0.1 / 255
    assert found[:, 1, 2] == pytest.approx(2 * inside, rel=1e-4)
    found[:, 1, 2] = 0
    assert np.abs(found).max() < 1e-4


def test_two_patches_that_say_the_same_share_the_credit() -> None:
    """Removing one of them alone changes nothing: ablation would call both irrelevant."""
    images = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    images[:, 4:8, 4:8] = images[:, 8:12, 8:12] = 200
    found = maps_of(looking_at((1, 1), (2, 2), op="Max"), images, orders=20)
    assert (found[:, 1, 1] > 0.25 * found.sum(axis=(1, 2))).all()
    assert (found[:, 2, 2] > 0.25 * found.sum(axis=(1, 2))).all()


def test_values_add_up_to_what_the_whole_image_changes() -> None:
    classifier, images = session(onnx_graphs.convnet()), noise()
    answers = classifier.run(images).logits.argmax(axis=1)
    found = patch_maps(classifier, images, answers, GRID, 1, torch.Generator().manual_seed(0)).mean
    blank = np.broadcast_to(border_colour(images), images.shape).astype(np.uint8)
    gain = log_odds(classifier.run(images).logits, answers) - log_odds(classifier.run(blank).logits, answers)
    assert found.sum(axis=(1, 2)) == pytest.approx(gain, abs=1e-4)


def test_a_classifier_blind_to_colour_has_the_same_map_of_every_colour() -> None:
    images = noise()
    blind = looking_at((1, 1), (2, 1))  # sums its channels
    assert maps_of(blind, images) == pytest.approx(maps_of(blind, np.roll(images, 1, axis=3)), abs=1e-4)


def test_same_generator_same_map_and_torch_is_left_alone() -> None:
    classifier, images = session(onnx_graphs.convnet()), noise(2)
    state = torch.get_rng_state()
    first = maps_of(classifier, images, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first, maps_of(classifier, images, seed=3))
    assert not np.array_equal(first, maps_of(classifier, images, seed=4))


def test_patches_cover_small_and_uneven_images() -> None:
    numbers = patch_numbers(5, 30, 7)
    assert sorted(set(numbers.ravel().tolist())) == list(range(5 * 7))
    values = np.arange(2 * 5 * 30, dtype=np.float32).reshape(2, 5, 30)
    means = per_patch(values, 7)
    assert means.shape == (2, 5, 7)
    assert means[1, 2, 3] == pytest.approx(values[1][numbers == 2 * 7 + 3].mean())


def test_patches_of_the_borders_colour_cannot_be_tested() -> None:
    images = np.full((1, SIZE, SIZE, 3), 90, np.uint8)
    images[0, 4:8, 8:12] = 200
    assert border_colour(images).ravel().tolist() == [90, 90, 90]
    assert np.argwhere(visible_patches(images, GRID)).tolist() == [[0, 1, 2]]


def test_log_odds_are_those_of_the_softmax_and_stay_finite() -> None:
    logits = np.array([[1.0, 2.0, 0.5], [300.0, 0.0, 0.0]], np.float32)
    p = np.exp(logits[0]) / np.exp(logits[0]).sum()
    found = log_odds(logits, np.array([1, 0]))
    assert found[0] == pytest.approx(np.log(p[1] / (1 - p[1])), rel=1e-5)
    assert found[1] == pytest.approx(300 - np.log(2), rel=1e-5)
    single = np.array([[0.7], [0.7]], np.float32)
    assert log_odds(single, np.array([1, 0])) == pytest.approx([0.7, -0.7])


def test_the_stage_finds_the_stripe_and_random_weights_do_not() -> None:
    bench = toy_benches.bench("attribution")
    maps = make_maps(bench)
    share = np.abs(maps.plain.mean[:, :, -1]).sum() / np.abs(maps.plain.mean).sum()
    assert share == pytest.approx(1, abs=1e-3)
    assert np.abs(maps.twin.mean[:, :, -1]).sum() / np.abs(maps.twin.mean).sum() < 0.7
    # the square varies among the samples and is ignored: the averaged map is that of the image itself
    assert maps.kept.min() == 1
    assert maps.averaged == pytest.approx(maps.plain.mean, abs=1e-2)
    gallery = pixel_gallery(bench, maps)
    found = {measure.name: measure.value for measure in gallery.measures}
    assert found["alike"] is not None
    assert found["alike"] < 0.5
    assert found["samples_kept"] == 1
    assert "White is not always" in gallery.notes[-1]
    picture = gallery.rows[0].pictures[1]
    assert picture is not None
    assert Image.open(BytesIO(base64.b64decode(picture.png))).size == (8, 8)


def estimate(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=16, method="given")


def test_maps_like_those_of_random_weights_are_warned_of() -> None:
    assert "Do not read" in cautions({"alike": estimate(0.8), "alike_unsigned": None})[0]
    assert "Do not read" in cautions({"alike": estimate(0.1), "alike_unsigned": estimate(0.7)})[0]
    assert "with care" in cautions({"alike": estimate(0.48), "alike_unsigned": estimate(0.1)})[0]
    assert "could not be made" in cautions({"alike": None, "alike_unsigned": None})[0]
    assert cautions({"alike": estimate(0.1), "alike_unsigned": estimate(0.2)}) == []


def test_rank_correlation_looks_at_testable_patches_only() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 4, 4))
    b = np.where(np.arange(4)[:, None] < 2, np.exp(a), rng.normal(size=(3, 4, 4)))
    seen = np.broadcast_to(np.arange(4)[:, None] < 2, (3, 4, 4)).copy()
    seen[2] = False
    found = rank_correlations(a, b, seen)
    assert found[:2] == pytest.approx([1, 1])
    assert np.isnan(found[2])
    assert np.isnan(rank_correlations(np.zeros_like(a), b, seen)).all()


def test_red_is_for_and_blue_against() -> None:
    for_, nothing, against = signed(np.array([[2.0, 0.0, -9.0]]), 2.0)[0].astype(int)
    assert for_[0] > for_[2]
    assert against[2] > against[0]
    assert np.ptp(nothing) == 0
    assert signed(np.zeros((2, 2)), 0.0).shape == (2, 2, 3)
    assert overlay(np.zeros((3, 3)), 1.0, np.zeros((10, 7, 1), np.uint8)).shape == (10, 7, 3)
    assert legend().shape == (12, 96, 3)
