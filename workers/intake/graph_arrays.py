"""Graphs of an ``.npz``: ``nodes``, ``adjacency`` and perhaps ``mask``, checked and packed into one array.

What is stored must be graphs before anything is computed from them: an edge that runs one way only, or ends where there
is no node, would be read one way by a classifier and another by an autoencoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.graphs import GraphFacts
from schemas.problems import ErrorCode
from workers.errors import IntakeError
from workers.graphs.packing import LEVELS, channels_for, levels, pack

from .attributes import is_usable_name
from .limits import MIB, DatasetCaps
from .refusals import refuse, show

NODES, ADJACENCY, MASK = "nodes", "adjacency", "mask"
NODE_NAMES, EDGE_NAMES = "node_names", "edge_names"
NUMBERS = "biuf"
BLOCK_BYTES = 4 * MIB
"""Packed graphs checked at a time: temporary arrays, a few times as large, stay small beside the upload."""
FEWEST_NODES = 2
EXACT = 1e-6

SHAPE_ADVICE = (
    "Store nodes as [n, m, features], adjacency as [n, m, m] or [n, m, m, kinds] and, if you like, mask as [n, m]: n "
    "graphs with room for m nodes each."
)
RANGE_ADVICE = (
    "Store values from 0 to 1: kinds of nodes and edges as one 0/1 feature each (one-hot), numbers scaled to 0..1."
)
SYMMETRY_ADVICE = (
    "Store each edge in both directions with the same values: adjacency = np.maximum(adjacency, "
    "adjacency.swapaxes(1, 2)); directed graphs are not accepted."
)
DIAGONAL_ADVICE = "Store 0 on the diagonal of adjacency, and what belongs to a node among its features."
MASK_ADVICE = "Store 1 in mask where there is a node, else 0; where there is none, nodes and adjacency hold zeros."
NAME_ADVICE = f"Give one printable name per feature, all different: {NODE_NAMES} [features], {EDGE_NAMES} [kinds]."
EDGE_ADVICE = "Audit graphs that have edges; of plain sets there is nothing more to ask than columns say."


@dataclass(frozen=True)
class GraphArrays:
    """Packed graphs uint8 ``(n, m, m, channels)``, what is known of their size, and notes on what was changed."""

    packed: NDArray[np.uint8]
    facts: GraphFacts
    notes: list[str]


def has_graphs(arrays: dict[str, NDArray[Any]]) -> bool:
    """Whether an ``.npz`` means graphs: it has no images, and nodes or edges."""
    return "images" not in arrays and (NODES in arrays or ADJACENCY in arrays)


def take_graphs(arrays: dict[str, NDArray[Any]], caps: DatasetCaps) -> GraphArrays:
    """Moves the graphs and their names out of ``arrays``; columns and concepts stay.

    Raises:
        IntakeError: ``DATASET_UNREADABLE``: an array is missing, has a wrong shape, or holds no graphs.
            ``DATASET_TOO_LARGE``, ``DATASET_TOO_SMALL``.
    """
    missing = [name for name in (NODES, ADJACENCY) if name not in arrays]
    if missing:
        raise unreadable(f"there is no array {missing[0]} beside the other arrays of graphs", SHAPE_ADVICE)
    nodes, edges, given = arrays.pop(NODES), _with_kinds(arrays.pop(ADJACENCY)), arrays.pop(MASK, None)
    _check_shapes(nodes, edges, given, caps)
    facts = GraphFacts(
        nodes=nodes.shape[1],
        node_features=nodes.shape[2],
        edge_features=edges.shape[3],
        node_names=_names(NODE_NAMES, arrays.pop(NODE_NAMES, None), nodes.shape[2]),
        edge_names=_names(EDGE_NAMES, arrays.pop(EDGE_NAMES, None), edges.shape[3]),
    )
    channels = channels_for(facts.node_features, facts.edge_features)
    packed = np.empty((len(nodes), facts.nodes, facts.nodes, channels), np.uint8)
    rounded = 0.0
    for rows in _blocks(len(nodes), packed[0].nbytes):
        mask = _mask(nodes[rows], None if given is None else given[rows], rows.start)
        _check_block(nodes[rows], edges[rows], mask, rows.start)
        packed[rows] = pack(nodes[rows], edges[rows], mask)
        rounded = max(rounded, _rounding(nodes[rows]), _rounding(edges[rows]))
    if not packed[..., channels - facts.edge_features :].any():
        raise unreadable("no graph has an edge", EDGE_ADVICE)
    return GraphArrays(packed, facts, _notes(given is None, rounded))


def unreadable(detail: str, advice: str) -> IntakeError:
    """The refusal of arrays that hold no graphs."""
    return refuse(ErrorCode.DATASET_UNREADABLE, detail, advice)


def _with_kinds(adjacency: NDArray[Any]) -> NDArray[Any]:
    return adjacency[..., None] if adjacency.ndim == 3 else adjacency


def _blocks(count: int, graph_bytes: int) -> Iterator[slice]:
    """Rows of at most :data:`BLOCK_BYTES` of packed graphs, one graph at least."""
    step = max(1, BLOCK_BYTES // graph_bytes)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _check_shapes(nodes: NDArray[Any], edges: NDArray[Any], mask: NDArray[Any] | None, caps: DatasetCaps) -> None:
    shaped = nodes.ndim == 3 and edges.ndim == 4 and edges.shape[:3] == (*nodes.shape[:2], nodes.shape[1])
    shaped = shaped and (mask is None or mask.shape == nodes.shape[:2])
    numbers = all(array is None or array.dtype.kind in NUMBERS for array in (nodes, edges, mask))
    if not shaped or not numbers:
        parts = ((NODES, nodes), (ADJACENCY, edges), (MASK, mask))
        said = (f"{name} {array.dtype} {list(array.shape)}" for name, array in parts if array is not None)
        raise unreadable(f"the arrays of graphs are {', '.join(said)}", SHAPE_ADVICE)
    _check_sizes(len(nodes), nodes.shape[1], nodes.shape[2], edges.shape[3], caps)


def _check_sizes(count: int, m: int, features: int, kinds: int, caps: DatasetCaps) -> None:
    if count < caps.minimum_images:
        detail = f"there are {count} graphs, fewer than {caps.minimum_images}"
        raise refuse(ErrorCode.DATASET_TOO_SMALL, detail, "Upload more graphs: verdicts need evidence.")
    if not FEWEST_NODES <= m <= caps.graph_nodes:
        advice = f"Room for {FEWEST_NODES} to {caps.graph_nodes} nodes is accepted; leave out the largest graphs."
        raise refuse(ErrorCode.DATASET_TOO_LARGE, f"the graphs have room for {m} nodes", advice)
    if min(features, kinds) < 1 or features + kinds > caps.graph_features:
        detail = f"there are {features} features of nodes and {kinds} of edges"
        advice = f"At least one of each, and at most {caps.graph_features} in all, are accepted."
        raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, advice)
    size = count * m * m * channels_for(features, kinds)
    if count > caps.images or size > caps.decoded_bytes:
        detail = f"{count} graphs with room for {m} nodes take {size} bytes"
        advice = f"At most {caps.images} graphs and {caps.decoded_bytes} bytes are accepted: upload a random sample."
        raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, advice)


def _mask(nodes: NDArray[Any], given: NDArray[Any] | None, first: int) -> NDArray[np.bool_]:
    """Where there are nodes ``(n, m)``: as given, else where any feature is not 0."""
    if given is None:
        mask = (nodes != 0).any(axis=2)
    else:
        _require(np.isin(given, (0, 1)), first, "has entries in mask that are neither 0 nor 1", MASK_ADVICE)
        mask = given != 0
    _require(mask.any(axis=1), first, "has no node", "Leave empty graphs out.")
    return np.asarray(mask)


def _check_block(nodes: NDArray[Any], edges: NDArray[Any], mask: NDArray[np.bool_], first: int) -> None:
    for name, values in ((NODES, nodes), (ADJACENCY, edges)):
        if values.dtype.kind == "f":
            _require(np.isfinite(values), first, f"has missing or infinite values in {name}", RANGE_ADVICE)
        _require((values >= 0) & (values <= 1), first, f"has values in {name} below 0 or above 1", RANGE_ADVICE)
    stored = levels(edges) if edges.dtype.kind == "f" else edges
    _require(stored == stored.swapaxes(1, 2), first, "has an edge in one direction only", SYMMETRY_ADVICE)
    _require(np.diagonal(edges, axis1=1, axis2=2) == 0, first, "joins a node to itself", DIAGONAL_ADVICE)
    absent = ~mask
    _require((nodes == 0) | ~absent[..., None], first, "has features where its mask has no node", MASK_ADVICE)
    ends = absent[:, :, None] | absent[:, None, :]
    _require((edges == 0) | ~ends[..., None], first, "has an edge that ends where there is no node", MASK_ADVICE)


def _require(holds: NDArray[np.bool_], first: int, fault: str, advice: str) -> None:
    """Refuse the upload unless ``holds (n, ...)`` is true throughout; the first graph at fault is named."""
    if not holds.all():
        faulty = np.flatnonzero(~holds.reshape(len(holds), -1).all(axis=1))
        raise unreadable(f"graph {first + int(faulty[0])} (counted from 0) {fault}", advice)


def _rounding(values: NDArray[Any]) -> float:
    """Largest change by keeping 256 levels."""
    if values.dtype.kind in "biu":
        return 0.0
    scaled = values * LEVELS
    scaled -= np.rint(scaled)
    return float(np.abs(scaled, out=scaled).max(initial=0.0) / LEVELS)


def _names(name: str, given: NDArray[Any] | None, count: int) -> list[str] | None:
    if given is None:
        return None
    found = [str(text) for text in given.reshape(-1)] if given.dtype.kind == "U" else []
    if given.shape != (count,) or not all(map(is_usable_name, found)) or len(set(found)) != count:
        detail = f"{name} has the type {given.dtype} and the shape {list(given.shape)} for {count} features"
        shown = ", ".join(show(text) for text in found[:8])
        raise unreadable(f"{detail}: {shown}" if found else detail, NAME_ADVICE)
    return found


def _notes(guessed: bool, rounded: float) -> list[str]:
    notes = ["there is no mask: a node counts as there where any of its features is not 0"] if guessed else []
    if rounded > EXACT:
        notes.append(f"values were rounded to 256 levels, by at most {rounded:.2g}")
    return notes
