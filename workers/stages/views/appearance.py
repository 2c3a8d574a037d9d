"""What a picture looks like, as numbers that two pictures can be compared by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.graphs.packing import is_graph
from workers.graphs.statistics import census

Floats = NDArray[np.float32]


def appearance(images: NDArray[np.uint8]) -> Floats:
    """``(n, k)`` of images ``(n, h, w, c)``: grey levels, pixel by pixel; of graphs how many of each kind they have.

    The nodes of a graph have no place, so that two graphs cannot be compared node by node.
    """
    return census(images) if is_graph(images) else images.reshape(len(images), -1).astype(np.float32)


def variance_of_looks(draws: NDArray[np.uint8]) -> float:
    """Unbiased variance among ``draws (m, h, w, c)``, mean over the numbers of :func:`appearance`."""
    return float(appearance(draws).var(axis=0, ddof=1).mean())


def in_words(images: NDArray[np.uint8]) -> tuple[str, str]:
    """What varies, and how two are compared."""
    if is_graph(images):
        return "variance of the numbers of nodes and edges of each kind", "by the nodes and edges of each kind"
    return "pixel variance", "pixel by pixel"
