"""Exact edits: images in which only one measured statistic is changed.

Every edit is ``edit(images, current, target)``: images ``(n, h, w, c)``, the statistic's current and wanted value
``(n,)`` each. Where either is NaN the image is left alone. The result has the dtype of the input. An edit whose
target lies outside what pixels in 0..1 can show stops at the nearest it can reach: always measure again.

Floors are ``floor(images, current, target)``: the same machinery with the value left alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from . import measured
from .foreground import border_median, moments
from .pixels import Floats, Images, as_float, chunks, from_hsv, like, luma, to_hsv

Edit = Callable[[Images, Floats, Floats], Images]
_Kernel = Callable[[NDArray[np.float32], Floats, Floats], NDArray[np.float32]]

BLUR_SIGMA = 1.5
SHARPEN_LIMIT = 4.0
ZOOM_LIMIT = 4.0
BISECTIONS = 12
GAIN_STEPS = 8


def rotate_hue(images: Images, current: Floats, target: Floats) -> Images:
    """Turn every pixel's HSV hue by ``target - current`` (period 1); saturation and value stay."""
    return _chunked(_rotate_hue, images, current, target)


def scale_saturation(images: Images, current: Floats, target: Floats) -> Images:
    """Scale every pixel's HSV saturation, with clipping at 1; hue and value stay. Grey pixels stay grey."""
    return _chunked(_scale_saturation, images, current, target)


def scale_luminance(images: Images, current: Floats, target: Floats) -> Images:
    """Multiply all pixels; where that would clip, blend the rest of the way to white. Hue stays exactly."""
    return _chunked(_scale_luminance, images, current, target)


def scale_contrast(images: Images, current: Floats, target: Floats) -> Images:
    """Squeeze all pixels towards the mean luma, or stretch their HSV value about its mean. Hue stays exactly."""
    return _chunked(_scale_contrast, images, current, target)


def sharpen(images: Images, current: Floats, target: Floats) -> Images:
    """Blend with the Gaussian blur (softer) or away from it (unsharp mask). Contrast follows, as it does in optics."""
    return _chunked(_sharpen, images, current, target)


def shift_x(images: Images, current: Floats, target: Floats) -> Images:
    """Move right by ``target - current`` image widths: bilinear, the border's median colour comes in."""
    return _chunked(lambda x, now, goal: _affine(x, shift_right=goal - now), images, current, target)


def shift_y(images: Images, current: Floats, target: Floats) -> Images:
    """Move down by ``target - current`` image heights: bilinear, the border's median colour comes in."""
    return _chunked(lambda x, now, goal: _affine(x, shift_down=goal - now), images, current, target)


def zoom(images: Images, current: Floats, target: Floats) -> Images:
    """Scale by ``target / current`` about the foreground's centre, at most fourfold either way."""
    return _chunked(lambda x, now, goal: _affine(x, scale=_ratio(goal, now)), images, current, target)


def rotate(images: Images, current: Floats, target: Floats) -> Images:
    """Turn clockwise by ``target - current`` radians, the shorter way (period pi), about the foreground's centre."""
    return _chunked(lambda x, now, goal: _affine(x, angle=_half_turn(goal - now)), images, current, target)


def stay(edit: Edit) -> Edit:
    """Floor of an edit without interpolation: run it with the target equal to the current value."""
    return lambda images, current, _target: edit(images, current, current)


def there_and_back(edit: Edit) -> Edit:
    """Floor of an edit that interpolates: go to the target and return, so that only the damage is left.

    It interpolates twice where the edit does so once, hence overstates the damage; verdicts therefore accept an
    absent effect only where this floor itself is small.
    """
    return lambda images, current, target: edit(edit(images, current, target), target, current)


def _chunked(kernel: _Kernel, images: Images, current: Floats, target: Floats) -> Images:
    if current.shape != (len(images),) or target.shape != current.shape:
        raise ValueError(f"current and target must have shape ({len(images)},), got {current.shape}, {target.shape}")
    result = images.copy()
    for rows in chunks(images):
        known = np.flatnonzero(np.isfinite(current[rows]) & np.isfinite(target[rows]))
        if len(known):
            part = images[rows][known]
            now, goal = current[rows][known], target[rows][known]
            result[rows.start + known] = like(kernel(as_float(part), now, goal), part)
    return result


def _per_image(values: Floats) -> Floats:
    return np.asarray(values, dtype=np.float32)[:, None, None]


def _ratio(target: Floats, current: Floats) -> Floats:
    return np.asarray(np.clip(target / np.maximum(current, 1e-9), 1 / ZOOM_LIMIT, ZOOM_LIMIT))


def _half_turn(angle: Floats) -> Floats:
    return np.asarray((angle + np.pi / 2) % np.pi - np.pi / 2)


def _rotate_hue(images: NDArray[np.float32], current: Floats, target: Floats) -> NDArray[np.float32]:
    hue, saturation, value = to_hsv(images)
    return from_hsv(hue + _per_image(target - current), saturation, value)


def _scale_saturation(images: NDArray[np.float32], current: Floats, target: Floats) -> NDArray[np.float32]:
    hue, saturation, value = to_hsv(images)

    def scaled(gain: Floats) -> NDArray[np.float32]:
        return from_hsv(hue, np.minimum(1, saturation * _per_image(gain)), value)

    return _with_gain(scaled, measured.saturation, current, target)


def _scale_luminance(images: NDArray[np.float32], current: Floats, target: Floats) -> NDArray[np.float32]:
    brightest = images.max(axis=(1, 2, 3))
    gain = np.minimum(target / np.maximum(current, 1e-9), 1 / np.maximum(brightest, 1e-9))
    reached = current * gain
    blend = np.clip((target - reached) / np.maximum(1 - reached, 1e-9), 0, 1)
    scaled = images * _per_image(gain)[..., None]
    return np.asarray(scaled + (1 - scaled) * _per_image(blend)[..., None], dtype=np.float32)


def _scale_contrast(images: NDArray[np.float32], current: Floats, target: Floats) -> NDArray[np.float32]:
    mean = luma(images).mean(axis=(1, 2))[:, None, None, None]

    def scaled(gain: Floats) -> NDArray[np.float32]:
        factor = _per_image(gain)[..., None]
        squeezed = mean + (images - mean) * np.minimum(factor, 1)
        return np.asarray(np.where(factor > 1, _stretch(images, factor), squeezed), dtype=np.float32)

    return _with_gain(scaled, measured.contrast, current, target)


def _stretch(images: NDArray[np.float32], factor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch the HSV value about its mean and scale each pixel with it: channels clipped one by one bend the hue."""
    value = images.max(axis=-1, keepdims=True)
    mean = value.mean(axis=(1, 2), keepdims=True)
    wanted = np.clip(mean + (value - mean) * factor, 0, 1)
    return np.asarray(images * (wanted / np.maximum(value, 1e-9)), dtype=np.float32)


def _with_gain(
    scaled: Callable[[Floats], NDArray[np.float32]],
    measure: Callable[[Images], Floats],
    current: Floats,
    target: Floats,
) -> NDArray[np.float32]:
    """Fixed point of ``gain <- gain * target / measured``: one step where nothing clips, a few where something does."""
    gain = target / np.maximum(current, 1e-9)
    for _ in range(GAIN_STEPS):
        if np.all(gain <= 1):  # a squeeze never clips
            break
        reached = np.maximum(measure(scaled(gain)), 1e-9)
        gain = np.where(gain > 1, np.clip(gain * target / reached, 0, 1e3), gain)
    return scaled(gain)


def _sharpen(images: NDArray[np.float32], current: Floats, target: Floats) -> NDArray[np.float32]:
    detail = images - gaussian_filter(images, sigma=(0, BLUR_SIGMA, BLUR_SIGMA, 0))
    low, high = np.full(len(images), -1.0), np.full(len(images), SHARPEN_LIMIT)
    still = np.isclose(current, target, rtol=1e-6)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        reached = measured.sharpness(_unsharp(images, detail, middle))
        short = np.nan_to_num(reached) < target
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return _unsharp(images, detail, np.where(still, 0.0, (low + high) / 2))


def _unsharp(images: NDArray[np.float32], detail: NDArray[np.float32], amount: Floats) -> NDArray[np.float32]:
    """Add the detail, at each pixel as far as no channel leaves 0..1: channels clipped one by one bend the hue."""
    step = detail * _per_image(amount)[..., None]
    wanted = np.abs(step)
    room = np.where(step > 0, 1 - images, images) / np.maximum(wanted, 1e-6)
    room[wanted < 1e-6] = 1  # a channel that does not move holds nobody back: the black ones of a pure red
    return np.asarray(images + step * np.minimum(room.min(axis=-1, keepdims=True), 1), dtype=np.float32)


def _affine(
    images: NDArray[np.float32],
    *,
    shift_right: Floats | None = None,
    shift_down: Floats | None = None,
    scale: Floats | None = None,
    angle: Floats | None = None,
) -> NDArray[np.float32]:
    """Shift (relative), then scale and turn about the foreground's centre; bilinear, filled with the border median."""
    n, height, width, _ = images.shape
    zero = np.zeros(n)
    turn = zero if angle is None else angle
    inverse = 1 / (np.ones(n) if scale is None else scale)
    centre = moments(images)
    cx, cy = 2 * np.nan_to_num(centre.x), 2 * np.nan_to_num(centre.y)  # in -1..1
    cosine, sine = np.cos(turn) * inverse, np.sin(turn) * inverse
    theta = np.empty((n, 2, 3))
    theta[:, 0, 0], theta[:, 0, 1] = cosine, sine * height / width
    theta[:, 1, 0], theta[:, 1, 1] = -sine * width / height, cosine
    theta[:, 0, 2] = cx - theta[:, 0, 0] * cx - theta[:, 0, 1] * cy - 2 * (zero if shift_right is None else shift_right)
    theta[:, 1, 2] = cy - theta[:, 1, 0] * cx - theta[:, 1, 1] * cy - 2 * (zero if shift_down is None else shift_down)
    fill = border_median(images)[:, None, None]
    batch = torch.from_numpy(np.ascontiguousarray((images - fill).transpose(0, 3, 1, 2)))
    grid = torch.nn.functional.affine_grid(torch.from_numpy(theta).float(), list(batch.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(batch, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return np.asarray(moved.numpy().transpose(0, 2, 3, 1) + fill, dtype=np.float32)
