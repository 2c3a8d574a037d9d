"""Which output of the classifier stands for which label of the dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def as_outputs(
    labels: NDArray[np.int64], classes: list[str] | None, outputs: list[str] | None
) -> NDArray[np.int64] | None:
    """Labels as output numbers: by name where the dataset and the classifier both name them, else as they are.

    ``None`` where only one side has names, or a label's name is none of the classifier's.
    """
    if classes is None:
        return labels
    if outputs is None or not set(classes) <= set(outputs):
        return None
    return np.array([outputs.index(name) for name in classes], dtype=np.int64)[labels]
