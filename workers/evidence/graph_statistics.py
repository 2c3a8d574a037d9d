"""The registry of what is measured of graphs, and how it is changed: rings and types exactly, other counts in the code.

To add a node or to move an edge changes several counts at once: those have no exact edit. Nor have rings and types
where the rest of the graph tells them (:mod:`workers.evidence.graph_traces`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from workers.graphs import rewiring, statistics
from workers.graphs.packing import Packed
from workers.graphs.vocabulary import Group, read_vocabulary

from .graph_traces import Mean, traceless_rings, traceless_shares
from .statistics import Statistic
from .transforms import Edit, stay

LEAST_SHARE = 0.03
"""Standard deviation of a share at which it is worth a verdict: rarer types are in too few graphs to conclude from."""
LEAST_COUNT = 0.05
"""The same of a count."""
BINDS = ("edges", "mean degree", "branching")
"""Counts that only stand for a column that equals them: they follow from others, or nearly do, and a feature that
cannot change while the others stay gets no verdict."""
MEANS = ("mean degree",)
"""Those that are no whole numbers."""


def graph_statistics(
    graphs: Packed, node_names: Sequence[str] | None = None, edge_names: Sequence[str] | None = None
) -> tuple[Statistic, ...]:
    """Counts of the graph, and the share of every node type and edge type but the most frequent one.

    That one is what the others leave. Where the features of nodes (edges) are numbers instead of types, their means.
    All of them are numeric, counts too: their order means something, and a rare count alone supports no estimate.

    Args:
        graphs: packed ``(n, m, m, channels)`` uint8, which tell what the channels hold.
        node_names: what node features are called, in order.
        edge_names: the same of edges.
    """
    found, last = read_vocabulary(graphs), graphs.shape[3]
    of_nodes, of_edges = node_names or (), edge_names or ()
    counts = {
        "nodes": statistics.nodes, "rings": statistics.rings, "components": statistics.components,
        "max degree": statistics.max_degree, "edges": statistics.edges, "mean degree": statistics.mean_degree,
        "branching": statistics.branching,
    }  # fmt: skip
    exact = {"rings": rewiring.with_rings} if traceless_rings(graphs) else {}
    return (
        *(
            _statistic(name, measure, LEAST_COUNT, exact.get(name), name not in MEANS)
            for name, measure in counts.items()
        ),
        *_means(graphs, found.nodes, statistics.node_mean, "node", of_nodes, 1),
        *_means(graphs, found.edges, statistics.edge_mean, "edge", of_edges, last - len(of_edges)),
    )


def _means(
    graphs: Packed, group: Group, mean: Mean, side: str, names: Sequence[str], first: int
) -> Iterator[Statistic]:
    """Of each channel of ``group`` that is in use; ``names`` are those of the channels from ``first`` on."""
    channels = [group.first + i for i in group.used]
    if group.kind == "types" and channels:
        frequent = _frequencies(graphs, channels, side)
        channels.remove(int(frequent.argmax()))
    exact = _traceless(graphs, channels, mean, side) if group.kind == "types" else []
    for channel in channels:
        place = channel - first
        kind, what = ("type", "share of") if group.kind == "types" else ("feature", "mean")
        named = names[place] if 0 <= place < len(names) else f"{side} {kind} {channel - group.first + 1}"
        change = None
        if channel in exact:
            rewired = rewiring.with_node_share if side == "node" else rewiring.with_edge_share
            change = partial(rewired, channel=channel, others=frequent)
        yield _statistic(f"{what} {named}", partial(mean, channel=channel), LEAST_SHARE, change)


def _traceless(graphs: Packed, channels: list[int], mean: Mean, side: str) -> list[int]:
    """The types whose share the rest of the graphs does not tell."""
    if not channels:
        return []
    shares = np.stack([mean(graphs, channel) for channel in channels], axis=1)
    return [one for one, free in zip(channels, traceless_shares(graphs, shares, side), strict=True) if free]


def _frequencies(graphs: Packed, channels: list[int], side: str) -> NDArray[np.float64]:
    """How many nodes (edges, each seen twice) of all graphs are of each type, ``(channels,)``; 0 elsewhere."""
    shown = np.diagonal(graphs, axis1=1, axis2=2).swapaxes(1, 2) if side == "node" else graphs
    found = np.zeros(graphs.shape[3])
    for channel in channels:
        found[channel] = np.count_nonzero(shown[..., channel])
    return found


def _statistic(
    name: str,
    measure: Callable[[Packed], NDArray[np.float64]],
    least: float,
    change: Edit | None = None,
    whole: bool = False,
) -> Statistic:
    floor = None if change is None else stay(change)
    return Statistic(
        name, "numeric", None, measure, change, floor, min_spread=least, equals=True, whole=whole,
        listed=name not in BINDS,
    )  # fmt: skip
