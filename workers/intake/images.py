"""Decodes untrusted image files to uint8 arrays of one size."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .archives import Member
from .limits import DatasetCaps
from .refusals import refuse, show

FORMATS = ("JPEG", "PNG", "WEBP")
GREY_MODES = frozenset({"1", "L"})
SMALLEST_SIDE = 4


def decode_images(members: Sequence[Member], caps: DatasetCaps) -> tuple[NDArray[np.uint8], list[str]]:
    """Images ``(n, h, w, c)`` in the order of ``members``, and notes on what was changed.

    All get the most common size (its longer side at most ``caps.resized_side``) by bilinear resampling, stretched when
    their proportions differ. One channel when every image is grey, else three; transparency is dropped.

    Raises:
        IntakeError: ``DATASET_IMAGE_UNREADABLE`` or ``DATASET_TOO_LARGE``.
    """
    sizes = [_size(member, caps) for member in members]
    width, height = _common_size(sizes, caps)
    if len(members) * width * height * 3 > caps.decoded_bytes:
        detail = f"{len(members)} images of {width} x {height} pixels are more than {caps.decoded_bytes} bytes"
        raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, "Upload fewer or smaller images.")
    images = np.empty((len(members), height, width, 3), dtype=np.uint8)
    grey = True
    for i, member in enumerate(members):
        images[i], is_grey = _decode(member, (width, height))
        grey = grey and is_grey
    other = sum(size != (width, height) for size in sizes)
    notes = [f"{other} images were resized to {width} x {height} pixels"] if other else []
    return (np.ascontiguousarray(images[..., :1]) if grey else images), notes


def fit_array(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """One image ``(h, w, 1 or 3)`` in the size and channels of ``shape`` ``(h', w', c')``, stretched if need be."""
    height, width, channels = shape
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def _size(member: Member, caps: DatasetCaps) -> tuple[int, int]:
    with _open(member) as image:
        width, height = image.size
    if width * height > caps.pixels or min(width, height) < SMALLEST_SIDE:
        detail = f"{show(member.name)} has {width} x {height} pixels"
        advice = f"Images need sides of at least {SMALLEST_SIDE} and at most {caps.pixels} pixels in total."
        raise refuse(ErrorCode.DATASET_IMAGE_UNREADABLE, detail, advice)
    return width, height


def _common_size(sizes: list[tuple[int, int]], caps: DatasetCaps) -> tuple[int, int]:
    """The most common size, the larger one of a tie; scaled down when too large."""
    width, height = max(Counter(sizes).items(), key=lambda item: (item[1], item[0]))[0]
    factor = min(1.0, caps.resized_side / max(width, height))
    return max(SMALLEST_SIDE, round(width * factor)), max(SMALLEST_SIDE, round(height * factor))


def _decode(member: Member, size: tuple[int, int]) -> tuple[NDArray[np.uint8], bool]:
    with _open(member) as image:
        try:
            grey = image.mode in GREY_MODES
            colour = image.convert("RGB")
            if colour.size != size:
                colour = colour.resize(size, Image.Resampling.BILINEAR)
            pixels = np.asarray(colour, dtype=np.uint8)
        except Exception as error:  # decoders raise whatever they like on damaged data
            raise _unreadable(member, error) from error
    return pixels, grey or bool((pixels == pixels[..., :1]).all())


def _open(member: Member) -> Image.Image:
    """The image with its header read and nothing decoded; a bomb warning is an error.

    Raises:
        IntakeError: ``DATASET_IMAGE_UNREADABLE``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Image.open(io.BytesIO(member.data), formats=FORMATS)
    except Exception as error:  # as above
        raise _unreadable(member, error) from error


def _unreadable(member: Member, error: Exception) -> IntakeError:
    return refuse(
        ErrorCode.DATASET_IMAGE_UNREADABLE,
        f"{show(member.name)} is no readable {', '.join(FORMATS)} image ({type(error).__name__})",
        "Replace or remove the file, and pack only images and attributes.csv.",
    )
