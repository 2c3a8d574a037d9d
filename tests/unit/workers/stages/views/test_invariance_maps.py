"""Maps of a tap that keeps the stripe and destroys the colour of the square."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from schemas.results import Gallery
from tests.builders import toy_studios
from tests.builders.toy_studios import SQUARE, STRIPE, TINY
from workers.stages.views.maps import heat, invariance_maps, largest_spread, pixel_variance, spread_map

DRAWS = 40


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Images that share the stripe, ``(200 * DRAWS, 8, 8, 3)``."""
    inn = toy_studios.planted_inn(torch.tensor([[0.0], [1.0]]), torch.diag(torch.tensor([1.0, TINY])))
    studio = toy_studios.studio()
    codes = inn.sample(studio.means[:, 1:], DRAWS, torch.Generator().manual_seed(1))
    return studio.decode(codes.flatten(0, 1))


@pytest.fixture(scope="module")
def gallery(samples: np.ndarray) -> Gallery:
    studio = toy_studios.studio()
    return invariance_maps(toy_studios.context("samples:tap"), studio, "tap", np.arange(200), samples)


def opened(png: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)


def test_bright_where_the_tap_does_not_look_and_black_elsewhere(gallery: Gallery) -> None:
    black = heat(np.zeros((1, 1)))[0, 0]
    for row in gallery.rows[:-1]:
        spread = opened(row.pictures[-1].png)
        assert (spread[STRIPE] == black).all(), "the stripe is held fast"
        assert (spread[0] == black).all(), "nothing is drawn there"
        assert (spread[SQUARE].sum(axis=-1) > 300).all(), "the colour of the square is free"


def test_the_average_keeps_what_the_tap_knows(gallery: Gallery) -> None:
    for row in gallery.rows[:-1]:
        original, mean = opened(row.pictures[0].png), opened(row.pictures[2].png)
        assert np.abs(original[STRIPE] - mean[STRIPE]).max() <= 1
        assert np.abs(mean[SQUARE][..., 0] - 128).max() < 40, "half way between red and blue"


def test_measures_say_how_free_the_pixels_are(gallery: Gallery) -> None:
    found = {measure.name: measure for measure in gallery.measures}
    share = found["share_of_references"].estimate
    square, stripe = 16 * 2, 8 * 3  # values that code 0 moves, and that code 1 moves, equally far
    assert share is not None
    assert share.low < square / (square + stripe) < share.high
    assert found["share_above_floor"].value > 0.99
    assert all(measure.estimate and measure.estimate.n == 200 for measure in gallery.measures)


def test_a_tap_that_keeps_everything_leaves_a_black_map() -> None:
    studio = toy_studios.studio(60)
    same = np.repeat(studio.references.images, 4, axis=0)
    gallery = invariance_maps(toy_studios.context("samples:tap"), studio, "tap", np.arange(60), same)
    assert gallery.measures[0].value == 0
    assert all((opened(row.pictures[-1].png) == heat(np.zeros((1, 1)))[0, 0]).all() for row in gallery.rows[:-1])


def test_the_scale_depends_on_the_references_alone(samples: np.ndarray) -> None:
    brightest = largest_spread(toy_studios.studio().references.images)
    twice = np.array([[[[0]]], [[[round(2 * brightest)]]]], np.uint8)
    assert (spread_map(twice, brightest)[0, 0] == heat(np.ones((1, 1)))[0, 0]).all()


def test_the_variance_is_unbiased_for_few_draws() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (3000, 2, 4, 4, 1))
    found = pixel_variance(np.rint(noise).astype(np.uint8)).mean()
    assert found == pytest.approx(400, rel=0.03)  # the plug-in variance of two draws would give 200


def test_the_colours_grow_lighter_all_the_way() -> None:
    ramp = heat(np.linspace(-0.5, 1.5, 401)[None])[0].astype(float)
    lightness = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -0.5).all()
    assert (ramp[0] == [0, 0, 4]).all()
    assert (ramp[-1] == [252, 255, 164]).all()


def test_samples_of_the_vae_are_called_by_their_name(samples: np.ndarray) -> None:
    studio = toy_studios.studio()
    found = invariance_maps(toy_studios.context("nuisance"), studio, "logits", np.arange(200), samples)
    assert (found.title, found.subject) == ("What the VAE calls nuisance", None)
