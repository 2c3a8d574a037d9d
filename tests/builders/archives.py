"""Data set uploads for tests: npz files and archives of images, well-formed and hostile."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def npz_bytes(**arrays: NDArray[Any]) -> bytes:
    """An ``.npz`` as users write it."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def random_images(count: int = 12, size: int = 8, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """uint8 ``(count, size, size, channels)``."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels)).astype(np.uint8)


def image_bytes(pixels: NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    """One image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, kind, **options)
    return buffer.getvalue()


def zip_bytes(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of ``files``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, compression)
    return buffer.getvalue()


def tar_bytes(files: Mapping[str, bytes], mode: str = "w", extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A tar of ``files`` and of the bare headers ``extra``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def class_folders(count: int = 12, size: int = 8, kind: str = "PNG") -> dict[str, bytes]:
    """``count`` images in the folders cat and dog."""
    images = random_images(count, size)
    return {
        f"{'cat' if i % 2 else 'dog'}/{i:03}.{kind.lower()}": image_bytes(image, kind) for i, image in enumerate(images)
    }
