"""``attributes.csv``: one row per image file, ``file,label,…``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .csv_files import read_csv
from .limits import DatasetCaps
from .refusals import refuse, show

TABLE = "attributes.csv"
FILE_COLUMN = "file"
ADVICE = "attributes.csv needs a header with the column file, and one complete row for each image."


def read_table(data: bytes, files: Sequence[str], caps: DatasetCaps) -> dict[str, NDArray[Any]]:
    """Columns by name (without ``file``), each with one entry per file, in the order of ``files``.

    A column is int64 or float64 when every entry reads as one, text otherwise.

    Raises:
        IntakeError: ``DATASET_ATTRIBUTES_INVALID``.
    """
    header, rows = read_csv(TABLE, data, caps, ErrorCode.DATASET_ATTRIBUTES_INVALID, ADVICE)
    if len(set(header)) != len(header) or FILE_COLUMN not in header:
        raise _invalid(f"the header of attributes.csv is {show(','.join(header), 200)}")
    by_file = {row[header.index(FILE_COLUMN)].removeprefix("./"): row for row in rows}
    if len(by_file) != len(rows):
        raise _invalid("attributes.csv names a file twice")
    absent = [name for name in files if name not in by_file]
    if absent or len(by_file) != len(files):
        extra = [name for name in by_file if name not in set(files)] if not absent else []
        what = f"no row for {show(absent[0])}" if absent else f"a row for {show(extra[0])}, which is not there"
        raise _invalid(f"attributes.csv has {what}")
    ordered = [by_file[name] for name in files]
    return {name: _typed(name, [row[i] for row in ordered]) for i, name in enumerate(header) if name != FILE_COLUMN}


def _typed(name: str, entries: list[str]) -> NDArray[Any]:
    texts = [entry.strip() for entry in entries]
    if not all(texts):
        raise _invalid(f"column {show(name)} has an empty entry for {texts.count('')} files")
    for convert in (np.int64, np.float64):
        try:
            return np.array([convert(text) for text in texts])
        except (ValueError, OverflowError):
            continue
    return np.array(texts)


def _invalid(detail: str) -> IntakeError:
    return refuse(ErrorCode.DATASET_ATTRIBUTES_INVALID, detail, ADVICE)
