"""What the channels of packed graphs hold: one of several types, or numbers. Read from the references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.graphs.canonical import linked
from workers.graphs.packing import Packed, presence
from workers.graphs.statistics import components

Kind = Literal["types", "numbers"]


@dataclass(frozen=True)
class Group:
    """Channels ``first .. stop - 1`` of nodes or of edges.

    ``types``: exactly one of them is on, wherever there is a node (or an edge). ``numbers``: each has a value of its
    own. ``used``: those that are ever other than 0; a decoder draws no others.
    """

    kind: Kind
    first: int
    stop: int
    used: tuple[int, ...]

    def __len__(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True)
class Vocabulary:
    """How graphs ``(m, m, channels)`` are to be read. ``whole``: each of them is in one piece."""

    size: int
    channels: int
    nodes: Group
    edges: Group
    whole: bool


def read_vocabulary(graphs: Packed) -> Vocabulary:
    """The vocabulary of graphs ``(n, m, m, channels)``: edge channels are those that are ever on beside the diagonal.

    Between the first of them and the end there is no other; node features lie before. A dataset without any edge has
    its last channel for them.
    """
    m, channels = graphs.shape[2:]
    joined, there = linked(graphs), presence(graphs)
    beside = graphs[joined]
    on = np.flatnonzero((beside != 0).any(axis=0)) if len(beside) else np.array([channels - 1])
    first = max(2, int(on.min()))
    nodes = np.diagonal(graphs, axis1=1, axis2=2).swapaxes(1, 2)[there]
    whole = bool((components(graphs) <= 1).all())
    return Vocabulary(m, channels, _group(nodes, 1, first), _group(beside, first, channels), whole)


def _group(values: NDArray[np.uint8], first: int, stop: int) -> Group:
    """The channels of ``values (k, channels)``."""
    own = values[:, first:stop]
    used = tuple(int(i) for i in np.flatnonzero((own != 0).any(axis=0)))
    one = np.isin(own, (0, 255)).all() and ((own == 255).sum(axis=1) == 1).all()
    return Group("types" if one else "numbers", first, stop, used)
