import numpy as np
import pytest

from workers.evidence.features import distance, spread
from workers.evidence.statistics import STATISTICS, Statistic, draw_targets, statistic

LEFT_ALONE = {
    "hue": {"saturation", "sharpness", "position_x", "position_y", "size", "rotation"},
    "saturation": {"hue", "sharpness", "position_x", "position_y", "size", "rotation"},
    "luminance": {"hue", "sharpness", "position_x", "position_y", "rotation"},
    "contrast": {"hue", "position_x", "position_y", "rotation"},
    "sharpness": {"hue", "luminance", "position_x", "position_y", "rotation"},
    "position_x": {"hue", "saturation", "luminance", "contrast", "position_y", "size", "rotation"},
    "position_y": {"hue", "saturation", "luminance", "contrast", "position_x", "size", "rotation"},
    "size": {"hue", "saturation", "position_x", "position_y", "rotation"},
    "rotation": {"hue", "saturation", "luminance", "contrast", "position_x", "position_y", "size"},
}


def relative_change(one: Statistic, before: np.ndarray, after: np.ndarray) -> float:
    scale = spread(before[np.isfinite(before)], one.kind, one.period)
    return float(np.nanmedian(distance(before, after, one.kind, one.period)) / scale)


@pytest.mark.parametrize("one", STATISTICS, ids=lambda one: one.name)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_edit_reaches_its_target_and_leaves_the_others_alone(blobs, one, dtype, rng) -> None:
    images = (blobs[0] * 255).round().astype(np.uint8) if dtype is np.uint8 else blobs[0]
    current = one.measure(images)
    target = draw_targets(current, 1, rng)[:, 0]
    edited = one.edit(images, current, target)
    assert edited.dtype == images.dtype
    assert edited.shape == images.shape
    assert one.confirms(edited, target, current).mean() > 0.95
    assert relative_change(one, current, edited_measure := one.measure(edited)) > 0.5, edited_measure
    for other in STATISTICS:
        if other.name in LEFT_ALONE[one.name]:
            assert relative_change(other, other.measure(images), other.measure(edited)) < 0.25, other.name


@pytest.mark.parametrize("one", STATISTICS, ids=lambda one: one.name)
def test_an_edit_by_nothing_is_the_identity(blobs, one) -> None:
    current = one.measure(blobs[0])
    np.testing.assert_allclose(one.edit(blobs[0], current, current), blobs[0], atol=2e-5)


@pytest.mark.parametrize("one", STATISTICS, ids=lambda one: one.name)
def test_the_floor_leaves_the_value_where_it_was(blobs, one, rng) -> None:
    current = one.measure(blobs[0])
    floored = one.floor(blobs[0], current, draw_targets(current, 1, rng)[:, 0])
    assert one.confirms(floored, current, current).mean() > 0.99
    assert np.abs(floored - blobs[0]).mean() < 0.01


def test_geometric_floors_are_not_the_identity(blobs, rng) -> None:
    for name in ("position_x", "position_y", "size", "rotation"):
        one = statistic(name)
        current = one.measure(blobs[0])
        floored = one.floor(blobs[0], current, draw_targets(current, 1, rng)[:, 0])
        assert np.abs(floored - blobs[0]).max() > 1e-3, name  # interpolation did happen


@pytest.mark.parametrize("one", STATISTICS, ids=lambda one: one.name)
def test_images_without_a_value_are_left_alone(blobs, one) -> None:
    images = blobs[0][:4]
    target = np.array([np.nan, 0.1, 0.2, 0.3])
    current = one.measure(images)
    current[1] = np.nan
    edited = one.edit(images, current, target)
    np.testing.assert_array_equal(edited[:2], images[:2])
    assert not np.array_equal(edited[2:], images[2:])


def test_hue_rotation_is_exact_and_of_period_one(blobs) -> None:
    one = statistic("hue")
    current = one.measure(blobs[0])
    np.testing.assert_allclose(one.edit(blobs[0], current, current + 1), blobs[0], atol=1e-5)
    third = one.edit(blobs[0], np.zeros(300), np.full(300, 1 / 3))
    np.testing.assert_allclose(third, np.roll(blobs[0], 1, axis=-1), atol=1e-5)  # red becomes green


def test_a_whole_pixel_shift_is_exact(blobs) -> None:
    one = statistic("position_x")
    moved = one.edit(blobs[0], np.zeros(300), np.full(300, 2 / 32))
    np.testing.assert_allclose(moved[:, :, 4:-4], np.roll(blobs[0], 2, axis=2)[:, :, 4:-4], atol=1e-5)


def test_what_comes_in_at_the_side_is_the_border_not_black() -> None:
    images = np.full((1, 16, 16, 3), 0.75, dtype=np.float32)
    images[0, 6:10, 6:10] = 0.1
    moved = statistic("position_x").edit(images, np.zeros(1), np.full(1, 0.25))
    assert moved[0, :, 0].min() == pytest.approx(0.75, abs=1e-5)
    assert moved[0, 8, 12, 0] == pytest.approx(0.1, abs=1e-5)


def test_a_quarter_turn_swaps_the_axes_also_on_oblong_images() -> None:
    images = np.zeros((1, 20, 40, 1), dtype=np.float32)
    images[0, 9:11, 14:26] = 1.0
    turned = statistic("rotation").edit(images, np.zeros(1), np.full(1, np.pi / 2))
    assert turned[0, 4:16, 19:21].mean() > 0.95
    assert turned.sum() == pytest.approx(images.sum(), rel=0.05)


def test_luminance_beyond_the_guard_still_reaches_its_target(blobs) -> None:
    one = statistic("luminance")
    target = np.full(300, 0.6)
    edited = one.edit(blobs[0], one.measure(blobs[0]), target)
    np.testing.assert_allclose(one.measure(edited), target, atol=1e-4)


def test_targets_are_drawn_from_the_known_values_only(rng) -> None:
    drawn = draw_targets(np.array([1.0, np.nan, 2.0]), 50, rng)
    assert drawn.shape == (3, 50)
    assert set(drawn.ravel()) == {1.0, 2.0}
    with pytest.raises(ValueError, match="no image has"):
        draw_targets(np.array([np.nan]), 2, rng)


def test_lengths_are_checked(blobs) -> None:
    with pytest.raises(ValueError, match="current and target"):
        statistic("hue").edit(blobs[0], np.zeros(2), np.zeros(2))


@pytest.mark.parametrize("name", ["luminance", "contrast"])
def test_hue_survives_an_edit_that_runs_into_the_ends_of_the_scale(name: str, rng: np.random.Generator) -> None:
    """A fully saturated shape on near black: where channels clip one by one, orange turns yellow."""
    angles = rng.random(200)
    offsets = np.array([0, 2 / 3, 1 / 3])
    tint = np.clip(np.abs((angles[:, None] + offsets) % 1 * 6 - 3) - 1, 0, 1) * rng.uniform(0.6, 1, (200, 1))
    images = np.full((200, 16, 16, 3), 0.1, dtype=np.float32)
    images[:, 4:12, 4:12] = tint[:, None, None, :]
    one, hue = statistic(name), statistic("hue")
    current = one.measure(images)
    edited = one.edit(images, current, draw_targets(current, 1, rng)[:, 0])
    assert relative_change(one, current, one.measure(edited)) > 0.1
    bent = distance(hue.measure(images), hue.measure(edited), "circular", 1.0)
    assert np.nanmax(bent) < 1e-3


def test_sharpening_bright_colours_keeps_their_hue(rng: np.random.Generator) -> None:
    """Overshoots of a soft, bright shape run into the end of the scale: clipped one by one, orange turns yellow."""
    x, y = np.meshgrid(np.linspace(-2, 2, 20), np.linspace(-2, 2, 20))
    ink = 1 / (1 + np.exp(6 * (np.hypot(x, y) - 1)))[None, :, :, None]
    tint = np.stack([np.ones(50), rng.uniform(0.2, 0.8, 50), np.full(50, 0.05)], axis=1)[:, None, None, :]
    images = (ink * tint + (1 - ink) * 0.1).astype(np.float32)
    one, hue = statistic("sharpness"), statistic("hue")
    current = one.measure(images)
    edited = one.edit(images, current, 1.3 * current)
    assert np.median(one.measure(edited) / current) > 1.1
    assert np.abs(edited - images).max() > 0.05
    assert np.nanmax(distance(hue.measure(images), hue.measure(edited), "circular", 1.0)) < 1e-3


def test_sharpening_reaches_colours_with_black_channels(rng: np.random.Generator) -> None:
    """A pure red has nothing in two channels: they must not hold the third one back."""
    x, y = np.meshgrid(np.linspace(-2, 2, 20), np.linspace(-2, 2, 20))
    softness = rng.uniform(4, 7, 60)[:, None, None]
    ink = 0.5 / (1 + np.exp(softness * (np.hypot(x, y) - 1)))[..., None]
    images = (ink * np.array([1.0, 0.0, 0.0])).astype(np.float32)
    one = statistic("sharpness")
    current = one.measure(images)
    target = rng.permutation(current)
    assert one.confirms(one.edit(images, current, target), target, current).mean() > 0.9
