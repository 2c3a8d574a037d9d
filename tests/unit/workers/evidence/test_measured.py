import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.evidence import measured, pixels
from workers.evidence.features import distance
from workers.evidence.statistics import STATISTICS, measure_all, statistic


@settings(max_examples=200, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_hsv_agrees_with_the_standard_library_and_returns(rgb: tuple[int, int, int]) -> None:
    image = np.array(rgb, dtype=np.float32).reshape(1, 1, 1, 3) / 255
    ours = [float(part[0, 0, 0]) for part in pixels.to_hsv(image)]
    theirs = colorsys.rgb_to_hsv(*(value / 255 for value in rgb))
    assert abs((ours[0] - theirs[0] + 0.5) % 1 - 0.5) < 1e-5
    np.testing.assert_allclose(ours[1:], theirs[1:], atol=1e-5)
    np.testing.assert_allclose(pixels.from_hsv(*pixels.to_hsv(image)), image, atol=1e-6)


@pytest.mark.parametrize("name", ["hue", "position_x", "position_y", "rotation"])
def test_planted_values_are_measured(blobs, name: str) -> None:
    images, truth = blobs
    one = statistic(name)
    missed = distance(one.measure(images), truth[name], one.kind, one.period)
    assert np.nanmax(missed) < 0.02 * (one.period or 1)
    assert np.isfinite(missed).all()


def test_size_is_proportional_to_the_planted_one(blobs) -> None:
    images, truth = blobs
    assert np.corrcoef(measured.size(images), truth["size"])[0, 1] > 0.95


def test_luminance_contrast_and_saturation_in_closed_form() -> None:
    image = np.zeros((1, 4, 4, 3), dtype=np.float32)
    image[0, :2] = [1.0, 0.0, 0.0]
    assert measured.luminance(image)[0] == pytest.approx(0.299 / 2, abs=1e-6)
    assert measured.contrast(image)[0] == pytest.approx(0.299 / 2, abs=1e-6)
    assert measured.saturation(image)[0] == pytest.approx(1.0, abs=1e-6)
    assert measured.hue(image)[0] == pytest.approx(0.0, abs=1e-6)


def test_sharpness_does_not_change_with_contrast_but_with_blur(blobs) -> None:
    images = blobs[0]
    np.testing.assert_allclose(measured.sharpness(images * 0.5), measured.sharpness(images), rtol=1e-2)
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 0.1, images.shape), 0, 1).astype(np.float32)
    assert (measured.sharpness(noisy) > measured.sharpness(images)).all()


def test_what_does_not_exist_is_nan_not_a_number() -> None:
    grey = np.full((3, 16, 16, 3), 0.5, dtype=np.float32)
    assert np.isnan(measured.hue(grey)).all()
    assert np.isnan(measured.rotation(grey)).all()
    assert np.isnan(measured.position_x(grey)).all()
    assert np.isnan(measured.sharpness(grey)).all()
    disk = grey.copy()
    y, x = np.mgrid[:16, :16] - 7.5
    disk[:, x**2 + y**2 < 20] = 1.0
    assert np.isfinite(measured.position_x(disk)).all()
    assert np.isnan(measured.rotation(disk)).all()  # round: no angle


def test_a_motley_image_has_no_hue(rng) -> None:
    hue = rng.uniform(size=(2, 32, 32)).astype(np.float32)
    assert np.isnan(measured.hue(pixels.from_hsv(hue, np.ones_like(hue), np.ones_like(hue)))).all()


def test_natural_clutter_has_no_foreground(rng) -> None:
    assert np.isnan(measured.position_x(rng.uniform(size=(4, 16, 16, 3)))).all()


def test_which_statistics_apply(blobs) -> None:
    images = blobs[0]
    assert set(measure_all(images)) == {one.name for one in STATISTICS}
    grey = images[..., 0]
    names = set(measure_all(grey))
    assert not {"hue", "saturation"} & names
    assert {"luminance", "position_x", "rotation"} <= names
    assert not measure_all(images[:1].repeat(8, axis=0))  # nothing varies


def test_chunks_do_not_change_the_numbers(blobs, monkeypatch) -> None:
    images = (blobs[0] * 255).round().astype(np.uint8)
    whole = [one.measure(images) for one in STATISTICS]
    monkeypatch.setattr(pixels, "CHUNK_VALUES", 7 * images[0].size)
    for one, before in zip(STATISTICS, whole, strict=True):
        np.testing.assert_allclose(one.measure(images), before, rtol=1e-5)


@pytest.mark.parametrize("bad", [np.full((1, 4, 4, 3), 2.0), np.full((1, 4, 4, 3), np.nan), np.zeros((4, 4))])
def test_images_out_of_range_are_refused(bad) -> None:
    with pytest.raises(ValueError, match="images must"):
        measured.luminance(bad)
