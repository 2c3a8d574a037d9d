"""``concepts.csv``: one pair of image files per line, ``concept,file_a,file_b``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from schemas.problems import ErrorCode

from .archives import Member
from .concepts import Examples, invalid
from .csv_files import read_csv
from .images import decode_images
from .limits import DatasetCaps
from .refusals import show

TABLE = "concepts.csv"
FOLDER = "concepts/"
"""Below it, beside the table, lie sketches: images that define concepts and are no references."""

COLUMNS = ["concept", "file_a", "file_b"]
ADVICE = (
    f"{TABLE} needs the header concept,file_a,file_b and one pair of files per line: two references, or once per "
    f"concept two files below {FOLDER}."
)


def read_concept_table(
    data: bytes, references: Sequence[str], sketches: Mapping[str, Member], caps: DatasetCaps
) -> dict[str, Examples]:
    """Concepts by name in the order of the table; names of files as they stand in it.

    Raises:
        IntakeError: ``DATASET_CONCEPTS_INVALID``, or ``DATASET_IMAGE_UNREADABLE`` for a sketch.
    """
    header, rows = read_csv(TABLE, data, caps, ErrorCode.DATASET_CONCEPTS_INVALID, ADVICE)
    if header != COLUMNS:
        raise invalid(f"the header of {TABLE} is {show(','.join(header), 200)}", ADVICE)
    pairs: dict[str, list[tuple[str, str]]] = {}
    for concept, first, second in rows:
        pairs.setdefault(concept.strip(), []).append((_file(first), _file(second)))
    if not pairs:
        raise invalid(f"{TABLE} has no line", ADVICE)
    unnamed = sorted(sketches.keys() - {file for files in pairs.values() for pair in files for file in pair})
    if unnamed:
        raise invalid(f"no line of {TABLE} names {show(unnamed[0])}", ADVICE)
    number = {name: i for i, name in enumerate(references)}
    return {name: _examples(name, files, number, sketches, caps) for name, files in pairs.items()}


def _examples(
    name: str, files: list[tuple[str, str]], number: Mapping[str, int], sketches: Mapping[str, Member],
    caps: DatasetCaps,
) -> Examples:  # fmt: skip
    named = [file for pair in files for file in pair]
    missing = [file for file in named if file not in number and file not in sketches]
    if missing:
        raise invalid(f"{TABLE} names {show(missing[0])}, which is not there", ADVICE)
    if all(file in number for file in named):
        return Examples("pairs", np.array([[number[a], number[b]] for a, b in files], dtype=np.int64))
    if len(files) > 1 or any(file in number for file in named):
        raise invalid(f"concept {show(name)} mixes references and sketches, or has more than two sketches", ADVICE)
    images, _ = decode_images([sketches[file] for file in named], caps)
    return Examples("sketch", images)


def _file(entry: str) -> str:
    return entry.strip().removeprefix("./")
