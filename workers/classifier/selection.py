"""Which cuts an audit looks at: the logits, the last hidden one, and up to three more spread over the depth."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from schemas.classifiers import ClassifierFacts
from schemas.problems import ErrorCode
from workers.errors import StageError

from .cuts import Cut, find_cuts
from .feeds import blank_shapes, input_names, node_count
from .logits import logit_tensor
from .runtime import forward, input_dtype, open_session, with_outputs

LOGITS = "logits"
SPREAD = (0.25, 0.5, 0.75)
NEAR = 0.08
RANKS = (2, 3, 4)


@dataclass(frozen=True)
class Tap:
    """A chosen cut.

    Args:
        name: ``logits``, or the tensor's name.
        tensor: name in the graph.
        depth: 0 at the image, 1 at the logits.
        shape: of one image, without the batch axis, as measured.
        nodes: length of the axes of nodes inside a classifier of graphs (:func:`.node_pooling.node_axes`).
    """

    name: str
    tensor: str
    kind: Literal["hidden", "logits"]
    depth: float
    op_type: str
    shape: tuple[int, ...]
    nodes: int | None = None


@dataclass(frozen=True)
class TapStatistics:
    """Share of exact zeros (0..1) and numerical rank of the centred ``(n, d)`` matrix, at most ``min(n - 1, d)``."""

    zeros: float
    rank: int


def select_taps(
    model: bytes, facts: ClassifierFacts, names: Sequence[str] | None = None, image_size: tuple[int, int] | None = None
) -> list[Tap]:
    """Taps by depth, the logits last. ``names`` are tensors that the user wants besides the logits.

    Args:
        model: canonical model.
        facts: what intake found in it.
        names: tensor names; automatic choice when ``None``.
        image_size: height and width for a model that takes any size; of graphs the number of nodes, twice.

    Raises:
        StageError: ``MODEL_TAP_UNKNOWN``: a name that is no cut; the advice holds the closest valid names.
    """
    proto = onnx.ModelProto.FromString(model)
    target = logit_tensor(proto, facts.output_name) if facts.output_kind != "logits" else None
    cuts = find_cuts(proto, input_names(facts), target or facts.output_name)
    wanted = _automatic(cuts[:-1]) if names is None else _named(cuts, names)
    shapes = measure_shapes(model, facts, [*wanted, cuts[-1].name], image_size)
    if names is None:
        wanted = {name: cut for name, cut in wanted.items() if len(shapes.get(name, ())) + 1 in RANKS}
        wanted = _spread(wanted, shapes)
    nodes = node_count(facts, image_size)
    hidden = [_hidden(name, cut, shapes, nodes) for name, cut in wanted.items()]
    last = cuts[-1]
    logits = Tap(LOGITS, last.name, "logits", 1.0, last.op_type, (facts.classes,))
    return [*sorted(hidden, key=lambda tap: tap.depth), logits]


def describe(values: NDArray[np.float32], most: int = 512) -> TapStatistics:
    """Zeros and rank of a tap's values ``(n, ...)``, the rank on at most ``most`` images."""
    flat = values[:most].reshape(min(len(values), most), -1).astype(np.float64)
    centred = flat - flat.mean(axis=0)
    gram = centred @ centred.T if centred.shape[0] < centred.shape[1] else centred.T @ centred
    spectrum = np.linalg.eigvalsh(gram)
    threshold = max(float(spectrum[-1]), 0.0) * max(flat.shape) * float(np.finfo(np.float32).eps)
    return TapStatistics(float(np.mean(values == 0)), int(np.sum(spectrum > threshold)))


def measure_shapes(
    model: bytes, facts: ClassifierFacts, tensors: Sequence[str], image_size: tuple[int, int] | None
) -> dict[str, tuple[int, ...]]:
    """Real shapes without the batch axis. Tensors whose first axis is not the batch are left out."""
    batch = 2 if facts.dynamic_batch else 1
    session = open_session(with_outputs(model, tensors))
    shapes = blank_shapes(facts, image_size)
    zeros = {name: np.zeros((batch, *shape), input_dtype(session, name)) for name, shape in shapes.items()}
    unique = list(dict.fromkeys(tensors))
    values = forward(session, zeros, unique)
    pairs = zip(unique, values, strict=True)
    return {name: tuple(v.shape[1:]) for name, v in pairs if v.ndim > 0 and v.shape[0] == batch and _is_real(v)}


def _is_real(values: NDArray[np.float32]) -> bool:
    return bool(np.issubdtype(values.dtype, np.floating))


def _automatic(cuts: list[Cut]) -> dict[str, Cut]:
    return {cut.name: cut for cut in cuts}


def _spread(cuts: dict[str, Cut], shapes: dict[str, tuple[int, ...]]) -> dict[str, Cut]:
    """The last hidden cut, and for each depth of ``SPREAD`` the narrowest of those near, else the nearest."""
    left = sorted(cuts.values(), key=lambda cut: cut.depth)
    chosen = [left.pop()] if left else []
    for depth in SPREAD:
        if left:
            best = min(left, key=partial(_cost, depth, shapes))
            left.remove(best)
            chosen.append(best)
    return {cut.name: cut for cut in chosen}


def _cost(depth: float, shapes: dict[str, tuple[int, ...]], cut: Cut) -> tuple[float, int]:
    """Distance beyond ``NEAR``, then the number of elements: the waist of a network says more than its widest part."""
    return max(0.0, abs(cut.depth - depth) - NEAR), math.prod(shapes[cut.name])


def _named(cuts: list[Cut], names: Sequence[str]) -> dict[str, Cut]:
    valid = {name: cut for cut in cuts for name in (cut.name, *cut.equivalents)}
    last = {LOGITS, cuts[-1].name, *cuts[-1].equivalents}
    for name in names:
        if name not in valid and name != LOGITS:
            raise _unknown(name, valid)
    return {name: valid[name] for name in names if name not in last}


def _unknown(name: str, valid: dict[str, Cut]) -> StageError:
    close = difflib.get_close_matches(name[:200], list(valid), n=5, cutoff=0.3) or list(valid)[-5:]
    return StageError(
        ErrorCode.MODEL_TAP_UNKNOWN,
        f"{name[:200]!r} is not a tensor that every path from the image to the output passes through",
        f"Choose among: {', '.join([*close, LOGITS])}.",
    )


def _hidden(name: str, cut: Cut, shapes: dict[str, tuple[int, ...]], nodes: int | None) -> Tap:
    shape = shapes.get(name)
    if shape is None or len(shape) + 1 not in RANKS:
        raise StageError(
            ErrorCode.MODEL_TAP_UNKNOWN,
            f"{name[:200]!r} has no floating-point values with the image as first axis",
            "Choose another tensor, or leave the taps out to have them chosen.",
        )
    public = name if name != LOGITS else f"{name} (hidden)"
    return Tap(public, name, "hidden", cut.depth, cut.op_type, shape, nodes)
