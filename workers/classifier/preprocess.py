"""From uint8 images to the model's input, as :class:`schemas.classifiers.InputSpec` says."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from workers.errors import StageError

Images = NDArray[np.uint8]
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601, as Pillow's conversion to grey."""


def quantise(images: NDArray[Any]) -> Images:
    """Images as a user could save them: uint8 unchanged, floats in [0, 1] rounded to the nearest of 256 levels."""
    if images.dtype == np.uint8:
        return images
    return np.asarray(np.rint(np.clip(images, 0.0, 1.0) * 255.0), dtype=np.uint8)


def preprocess(
    images: Images, spec: InputSpec, layout: Literal["nchw", "nhwc"], channels: int, size: tuple[int, int],
    dtype: np.dtype[Any],
) -> NDArray[Any]:  # fmt: skip
    """``(n, h, w, c)`` uint8 to the model's input of ``dtype`` in ``layout``.

    Channels are matched first, then the size (bilinear, antialiased when shrinking), then
    ``((pixel / 255) * (high - low) + low - mean) / std``. A model that takes uint8 gets the pixels as they are.

    Raises:
        StageError: ``CLASSIFIER_DATASET_MISMATCH`` when the channels cannot be matched.
    """
    pixels = resize(match_channels(images, channels), size)
    pixels = pixels.transpose(0, 3, 1, 2) if layout == "nchw" else pixels
    if dtype == np.uint8:
        return np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else quantise(pixels / np.float32(255.0)))
    slope, shift = _affine(spec, (-1, 1, 1) if layout == "nchw" else (-1,))
    values = pixels.astype(np.float32, order="C")  # one pass; a copy, so in place from here
    values *= slope
    if shift.any():
        values += shift
    return values.astype(dtype, copy=False)


def match_channels(images: Images, channels: int) -> Images:
    """Grey to colour by repetition, colour to grey by luma.

    Raises:
        StageError: ``CLASSIFIER_DATASET_MISMATCH`` for any other pair of channel counts.
    """
    have = images.shape[3]
    if have == channels:
        return images
    if have == 1:
        return np.repeat(images, channels, axis=3)
    if have == 3 and channels == 1:
        return np.asarray(np.rint(images.astype(np.float32) @ LUMA)[..., None], dtype=np.uint8)
    raise StageError(
        ErrorCode.CLASSIFIER_DATASET_MISMATCH,
        f"the images have {have} channels and the classifier takes {channels}",
        "Audit with images of as many channels as the classifier takes.",
    )


def resize(images: Images, size: tuple[int, int]) -> NDArray[Any]:
    """Bilinear with antialiasing (a triangle filter as wide as the shrink factor), float32 out unless sizes agree."""
    if images.shape[1:3] == size:
        return images
    rows, columns = _weights(images.shape[1], size[0]), _weights(images.shape[2], size[1])
    tall = np.einsum("ah,nhwc->nawc", rows, images.astype(np.float32), optimize=True)
    return np.asarray(np.einsum("bw,nawc->nabc", columns, tall, optimize=True), dtype=np.float32)


def _weights(source: int, target: int) -> NDArray[np.float32]:
    """Row ``i`` holds the weights of the source pixels in target pixel ``i``: ``(target, source)``, rows sum to 1."""
    scale = source / target
    support = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    distance = np.abs(np.arange(source) + 0.5 - centres[:, None]) / support
    weights = np.clip(1.0 - distance, 0.0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _affine(spec: InputSpec, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and shift of the formula per channel, or one for all, each of ``shape``."""
    mean = np.asarray(0.0 if spec.mean is None else spec.mean, dtype=np.float64).reshape(shape)
    std = np.asarray(1.0 if spec.std is None else spec.std, dtype=np.float64).reshape(shape)
    slope, shift = (spec.high - spec.low) / 255.0 / std, (spec.low - mean) / std
    return slope.astype(np.float32), shift.astype(np.float32)
