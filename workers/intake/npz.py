"""Reads ``.npz`` without NumPy's loader: headers are checked before arrays exist, and pickles stay closed."""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .archives import DAMAGED, Budget, check_zip_kind
from .limits import DatasetCaps
from .refusals import refuse, show

SUFFIX = ".npy"
MOST_HEADER = 10_000
PLAIN_KINDS = "biufUS"
"""Booleans, integers, floats, text. Objects are pickles; records, times and complex numbers are no attributes."""
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
SAVE_ADVICE = "Save with numpy.savez_compressed(path, images=..., labels=..., name=...) from plain arrays."


def is_npz(data: bytes) -> bool:
    """Whether the zip in ``data`` holds arrays and nothing else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except DAMAGED:
        return False
    return bool(names) and all(name.endswith(SUFFIX) for name in names)


def read_npz(data: bytes, caps: DatasetCaps) -> dict[str, NDArray[Any]]:
    """The arrays by name, in the file's order.

    Raises:
        IntakeError: ``DATASET_OBJECT_ARRAY``, ``DATASET_TOO_LARGE``, ``DATASET_ARCHIVE_UNSAFE`` or
            ``DATASET_UNREADABLE``.
    """
    budget = Budget(caps, len(data), caps.decoded_bytes)
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                budget.admit(info.filename)
                check_zip_kind(info)
                with archive.open(info) as file:
                    name = info.filename.removesuffix(SUFFIX)
                    arrays[name] = _read_array(name, file, budget, caps)
    except DAMAGED as error:
        raise _unreadable(f"the file is damaged: {show(str(error))}") from error
    return arrays


def _read_array(name: str, file: IO[bytes], budget: Budget, caps: DatasetCaps) -> NDArray[Any]:
    shape, fortran, dtype = _read_header(name, file)
    count = math.prod(shape)
    if any(size < 0 for size in shape) or max(count, *shape, 0) * max(dtype.itemsize, 1) > caps.decoded_bytes:
        detail = f"array {show(name)} declares the shape {show(str(shape[:16]))}"
        raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, f"At most {caps.decoded_bytes} bytes are accepted.")
    content = budget.read(name, file)
    if len(content) != count * dtype.itemsize:
        raise _unreadable(f"array {show(name)} has {len(content)} bytes, its header says {count * dtype.itemsize}")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(name: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        read = READERS[np.lib.format.read_magic(file)]
        header: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(file, max_header_size=MOST_HEADER)
    except Exception as error:  # the parser of Python literals raises many types
        raise _unreadable(f"array {show(name)} has an unreadable header ({type(error).__name__})") from error
    dtype = header[2]
    if dtype.hasobject:
        detail = f"array {show(name)} holds Python objects"
        raise refuse(ErrorCode.DATASET_OBJECT_ARRAY, detail, f"{SAVE_ADVICE} Objects need pickle, which can run code.")
    if dtype.kind not in PLAIN_KINDS or dtype.fields or dtype.subdtype:
        raise _unreadable(f"array {show(name)} has the type {show(str(dtype))}")
    return header


def _unreadable(detail: str) -> IntakeError:
    return refuse(ErrorCode.DATASET_UNREADABLE, detail, SAVE_ADVICE)
