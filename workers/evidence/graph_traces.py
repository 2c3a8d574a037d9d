"""Whether an exact edit of a graph leaves traces: whatever else of these graphs tells the number that it changes.

Atoms may be marked as aromatic, or hydrogens counted at each: a model that reads rings from such marks never sees an
edit that moves edges alone, and would seem to ignore rings. What is a consequence of what, no data tell. So an edit is
trusted only where the rest of the graph, as it stays, tells next to nothing of the number beyond how many nodes there
are, and where that rest is of types: numbers (coordinates, charges) may say it in ways that no census shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.graphs import statistics
from workers.graphs.canonical import linked
from workers.graphs.packing import Packed
from workers.graphs.vocabulary import Group, read_vocabulary

from .bootstrap import ratio_interval, resampling_weights
from .estimators import explained
from .probes import FOLDS, cross_fit

TOLD = 0.05
"""The rest tells a number of whose variance it may explain this share, or more: as with features that are tied.
Not among the thresholds: it says which edits there are, and is read by stages that judge nothing."""
MISLED = 0.05
"""Probes that are all this much worse than the mean show nothing, least of all that nothing is told."""
FEWEST = 10 * FOLDS
"""Graphs from which something can be learned."""
PATTERNS = 24
"""Kinds of edges, with the types at their ends, that are told apart."""
BRIEF = 0.05
"""Share of the graphs that may have fewer edges than are looked at in each."""
RESAMPLES = 400

Floats = NDArray[np.float64]


class Mean(Protocol):
    """A mean of one channel over the nodes, or the edges, of each graph."""

    def __call__(self, graphs: Packed, channel: int) -> NDArray[np.float64]:
        """``(n,)``."""
        ...


def traceless_rings(graphs: Packed) -> bool:
    """Whether types of nodes and of edges tell nothing of the rings of graphs ``(n, m, m, channels)``.

    They stay when edges come and go. Of every graph equally many edges are looked at: how many of a kind there are
    would tell how many there are at all, which the edit does change.
    """
    found, generator = read_vocabulary(graphs), np.random.default_rng(0)
    if not (_plain(found.nodes) and _plain(found.edges)):
        return False
    patterns, enough = _patterns(graphs, found.nodes, found.edges, generator)
    rest = [_shares(graphs, found.nodes, statistics.node_mean), patterns]
    return bool(_untold(graphs, statistics.rings(graphs)[:, None], rest, enough, generator)[0])


def traceless_shares(graphs: Packed, values: Floats, side: str) -> NDArray[np.bool_]:
    """Which of the shares ``values (n, t)`` of types of nodes (edges) the rest tells nothing of, ``(t,)``.

    The structure stays when nodes or edges become of another type, and so do the types of the others.
    """
    found, generator = read_vocabulary(graphs), np.random.default_rng(0)
    other, mean = (found.edges, statistics.edge_mean) if side == "node" else (found.nodes, statistics.node_mean)
    if not _plain(other):
        return np.zeros(values.shape[1], dtype=bool)
    rest = [_shares(graphs, other, mean), _structure(graphs)]
    return _untold(graphs, values, rest, np.ones(len(graphs), dtype=bool), generator)


def _plain(group: Group) -> bool:
    return group.kind == "types" or not group.used


def _untold(
    graphs: Packed, values: Floats, rest: Sequence[Floats], rows: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.bool_]:  # fmt: skip
    """Which of ``values (n, t)`` neither parts nor all of ``rest`` tell beyond the number of nodes, ``(t,)``."""
    rows = rows & np.isfinite(values).all(axis=1)
    if rows.sum() < FEWEST:
        return np.zeros(values.shape[1], dtype=bool)
    size, truth = statistics.nodes(graphs)[rows, None], values[rows]
    left = truth - cross_fit(size, truth, generator)
    designs = [
        np.concatenate([size, *parts], axis=1) for parts in (*([r[rows]] for r in rest), [r[rows] for r in rest])
    ]
    told = [_told(left, cross_fit(design, left, generator), generator) for design in designs]
    best, high = np.max(told, axis=0)
    return np.asarray((high < TOLD) & (best > -MISLED))


def _told(truth: Floats, predicted: Floats, generator: np.random.Generator) -> Floats:
    """Explained share of each column and the upper end of its interval, ``(2, t)``; 1 where nothing is left to tell."""
    weights = resampling_weights(len(truth), RESAMPLES, generator)
    found = []
    for i in range(truth.shape[1]):
        ratio = ratio_interval(explained(truth[:, [i]], predicted[:, [i]]), weights)
        found.append((1 - ratio.value, 1 - ratio.low))
    return np.asarray(np.nan_to_num(np.array(found), nan=1.0).T)


def _shares(graphs: Packed, group: Group, mean: Mean) -> Floats:
    """Shares of the types that occur, ``(n, 1 + types)`` with a constant, 0 where there is nothing to share."""
    return np.nan_to_num(
        np.stack([np.zeros(len(graphs)), *(mean(graphs, group.first + i) for i in group.used)], axis=1)
    )


def _structure(graphs: Packed) -> Floats:
    """Edges, parts, and nodes of each degree up to five, ``(n, 8)``."""
    degrees = linked(graphs).sum(axis=2)
    by_degree = [(degrees == k).sum(axis=1) for k in range(1, 6)]
    columns = [statistics.edges(graphs), statistics.components(graphs), degrees.max(axis=1), *by_degree]
    return np.stack(columns, axis=1).astype(np.float64)


def _patterns(
    graphs: Packed, nodes: Group, edges: Group, generator: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """How many of equally many random edges of each graph are of each kind, ``(n, kinds)``; which graphs have so many.

    A kind is the type of the edge and those of the nodes at its ends.
    """
    which, i, j = np.nonzero(np.triu(linked(graphs)))
    counts = np.bincount(which, minlength=len(graphs))
    looked = max(1, int(np.quantile(counts, BRIEF)))
    order = np.lexsort((generator.random(len(which)), which))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    chosen = order[np.arange(len(order)) - first[which] < looked]
    which, i, j = which[chosen], i[chosen], j[chosen]
    ends = np.sort([_type(graphs[which, k, k], nodes) for k in (i, j)], axis=0)
    words = (ends[0] * 256 + ends[1]) * 256 + _type(graphs[which, i, j], edges)
    kind, often = np.unique(words, return_inverse=True, return_counts=True)[1:]
    rank = np.argsort(np.argsort(-often, kind="stable"))[kind]
    found = np.zeros((len(graphs), PATTERNS + 1))
    np.add.at(found, (which, np.minimum(rank, PATTERNS)), 1)
    return found, counts >= looked


def _type(values: NDArray[np.uint8], group: Group) -> NDArray[np.int64]:
    return np.asarray(values[:, group.first : group.stop].argmax(axis=1) if len(group) else np.zeros(len(values)), int)
