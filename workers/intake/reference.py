"""The canonical data set: one uncompressed ``.npz`` with fixed time stamps, the same bytes for the same content.

Members: ``images`` uint8 ``(n, h, w, c)``; ``labels`` int64 ``(n,)`` if there are any; ``attribute:<i>`` float64
``(n,)`` for the i-th attribute of ``DatasetFacts.attributes`` (codes for categorical ones); for the i-th concept of
``DatasetFacts.concepts`` either ``concept:<i>`` int64 ``(m, 2)``, rows that share it, or ``sketch:<i>`` uint8
``(2, h, w, c)``, two images that show it.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EPOCH = (1980, 1, 1, 0, 0, 0)
COLUMN = "attribute:{}"
PAIRS = "concept:{}"
SKETCH = "sketch:{}"


@dataclass(frozen=True)
class ReferenceData:
    """Images with what is known of them.

    Args:
        images: uint8 ``(n, h, w, c)``.
        labels: int64 ``(n,)``, not negative, or ``None``.
        columns: float64 ``(n,)`` each, finite, in the order of ``DatasetFacts.attributes``.
        concepts: int64 ``(m, 2)`` pairs of different rows, or uint8 ``(2, h, w, c)`` sketches, in the order of
            ``DatasetFacts.concepts``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    columns: tuple[NDArray[np.float64], ...]
    concepts: tuple[NDArray[np.int64] | NDArray[np.uint8], ...] = ()

    def __len__(self) -> int:
        return len(self.images)


def dump_dataset(data: ReferenceData) -> bytes:
    """Canonical bytes of ``data``."""
    arrays: dict[str, NDArray[np.generic]] = {"images": data.images}
    if data.labels is not None:
        arrays["labels"] = data.labels
    arrays |= {COLUMN.format(i): column for i, column in enumerate(data.columns)}
    arrays |= {(PAIRS if concept.ndim == 2 else SKETCH).format(i): concept for i, concept in enumerate(data.concepts)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", EPOCH), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def load_dataset(canonical: bytes) -> ReferenceData:
    """Inverse of :func:`dump_dataset`.

    Raises:
        KeyError, ValueError: these are not canonical bytes.
    """
    with np.load(io.BytesIO(canonical), allow_pickle=False) as file:
        names = set(file.files)
        columns = tuple(file[COLUMN.format(i)] for i in range(_count(names, COLUMN)))
        concepts = tuple(
            file[PAIRS.format(i) if PAIRS.format(i) in names else SKETCH.format(i)]
            for i in range(_count(names, PAIRS) + _count(names, SKETCH))
        )
        return ReferenceData(file["images"], file["labels"] if "labels" in names else None, columns, concepts)


def _count(names: set[str], pattern: str) -> int:
    return sum(name.startswith(pattern.format("")) for name in names)
