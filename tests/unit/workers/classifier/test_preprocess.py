"""Preprocessing against the formula and against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from workers.classifier.preprocess import match_channels, preprocess, quantise, resize
from workers.errors import StageError


def test_formula_and_layout() -> None:
    images = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    spec = InputSpec(low=-1.0, high=3.0, mean=[0.1, 0.2, 0.3], std=[0.5, 1.0, 2.0])
    want = ((images / 255.0) * 4.0 - 1.0 - np.array(spec.mean)) / np.array(spec.std)
    last = preprocess(images, spec, "nhwc", 3, (4, 5), np.dtype(np.float32))
    first = preprocess(images, spec, "nchw", 3, (4, 5), np.dtype(np.float32))
    np.testing.assert_allclose(last, want, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)
    assert first.flags.c_contiguous


def test_one_mean_serves_all_channels() -> None:
    images = np.full((1, 4, 4, 3), 255, np.uint8)
    values = preprocess(images, InputSpec(mean=[0.5], std=[0.5]), "nchw", 3, (4, 4), np.dtype(np.float16))
    assert values.dtype == np.float16
    np.testing.assert_allclose(values, 1.0)


def test_uint8_models_get_the_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3)).astype(np.uint8)
    values = preprocess(images, InputSpec(mean=[0.5]), "nhwc", 3, (6, 6), np.dtype(np.uint8))
    np.testing.assert_array_equal(values, images)


@pytest.mark.parametrize("size", [(16, 16), (10, 31), (47, 60)])
def test_resize_agrees_with_pillow(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (32, 40, 3)).astype(np.uint8)
    pillow = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR), np.float32)
    assert np.abs(resize(image[None], size)[0] - pillow).max() <= 1.5


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_resize_keeps_flat_images_flat(h: int, w: int, height: int, width: int, value: int) -> None:
    out = resize(np.full((1, h, w, 1), value, np.uint8), (height, width))
    assert out.shape == (1, height, width, 1)
    np.testing.assert_allclose(out, value, atol=1e-3)


@given(st.integers(0, 255))
def test_quantise_inverts_division(value: int) -> None:
    assert quantise(np.array([value / 255.0], np.float32))[0] == value


def test_quantise_clips_and_rounds() -> None:
    np.testing.assert_array_equal(quantise(np.array([-3.0, 0.0019, 0.5, 2.0])), [0, 0, 128, 255])


def test_channels() -> None:
    grey = np.full((1, 2, 2, 1), 7, np.uint8)
    np.testing.assert_array_equal(match_channels(grey, 3), np.full((1, 2, 2, 3), 7))
    green = np.zeros((1, 2, 2, 3), np.uint8)
    green[..., 1] = 255
    np.testing.assert_array_equal(match_channels(green, 1), np.full((1, 2, 2, 1), 150))
    with pytest.raises(StageError) as caught:
        match_channels(np.zeros((1, 2, 2, 4), np.uint8), 3)
    assert caught.value.code is ErrorCode.CLASSIFIER_DATASET_MISMATCH
