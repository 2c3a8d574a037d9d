"""ONNX classifiers of turned scenes: what quarter turns do to each of their taps follows from their graph (P8).

All see the brightest of the three channels alone, so that no permutation of the colours reaches them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from tests.builders.onnx_graphs import GraphBuilder
from tests.builders.planted_classifiers import PLANTS
from tests.builders.planted_layers import Parameters, convolution, dense, finish, parameters
from tests.builders.planted_scenes import SHAPES
from tests.builders.planted_turns import (
    FIELDS,
    ORDER,
    Lifting,
    trained_group_net,
    trained_on_turns,
    trained_placed_net,
    trained_voter,
)

FIRST_CONVOLUTION, SECOND_CONVOLUTION = 0, 3


def group_reader(net: nn.Sequential) -> bytes:
    """Equivariant up to ``fields``, a vector of regular fields; their maxima ``poseless`` know no turn."""
    b = GraphBuilder()
    _fields(b, net)
    b.node("GlobalMaxPool", ["group_relu"], "peaks")
    b.node("Flatten", ["peaks"], "fields")
    b.node("Reshape", ["fields", b.constant("by_field", np.array([-1, FIELDS, ORDER]))], "sides")
    b.node("ReduceMax", ["sides"], "poseless", axes=[2], keepdims=0)
    return _answer(b, "poseless", parameters(net, 8), parameters(net, 10))


def placed_reader(net: nn.Sequential) -> bytes:
    """The same up to ``group_relu``, where a dense layer weighs every place and every side on its own."""
    b = GraphBuilder()
    _fields(b, net)
    b.node("Flatten", ["group_relu"], "flat")
    return _answer(b, "flat", parameters(net, 6), parameters(net, 8))


def voting_reader(voter: nn.Sequential) -> bytes:
    """An ordinary net is shown the four turns of the picture; nothing but the mean of its ``votes`` knows no turn."""
    b = GraphBuilder()
    seen = [_brightness(b)]
    for turn in range(1, ORDER):
        seen.append(_quarter(b, seen[-1], f"turned{turn}"))
    votes = [_vote(b, picture, f"vote{turn}.", voter) for turn, picture in enumerate(seen)]
    b.node("Concat", votes, "votes", axis=1)
    b.node("Reshape", ["votes", b.constant("by_turn", np.array([-1, ORDER, len(SHAPES)]))], "ballots")
    b.node("ReduceMean", ["ballots"], "scores", axes=[1], keepdims=0)
    return finish(b, len(SHAPES))


def augmented_reader(net: nn.Sequential) -> bytes:
    """The ordinary net alone: any symmetry that it has was learned."""
    b = GraphBuilder()
    convolution(b, _brightness(b), "conv1", parameters(net, 0), stride=2)
    convolution(b, "conv1_relu", "conv2", parameters(net, 2))
    b.node("GlobalMaxPool", ["conv2_relu"], "pool")
    b.node("Flatten", ["pool"], "flat")
    return _answer(b, "flat", parameters(net, 6), parameters(net, 8))


SYMMETRIC: dict[str, Callable[[], bytes]] = {
    "c4": lambda: group_reader(trained_group_net()),
    "votes": lambda: voting_reader(trained_voter()),
    "pointwise": PLANTS["background"],
    "placed": lambda: placed_reader(trained_placed_net()),
    "augmented": lambda: augmented_reader(trained_on_turns()),
}


def _brightness(b: GraphBuilder) -> str:
    return b.node("ReduceMax", ["image"], "brightness", axes=[1], keepdims=1)


def _fields(b: GraphBuilder, net: nn.Sequential) -> None:
    """Both group convolutions as the ordinary ones that they are, up to ``group_relu (n, 4 FIELDS, 10, 10)``."""
    convolution(b, _brightness(b), "lift", _expanded(net, FIRST_CONVOLUTION))
    b.node("MaxPool", ["lift_relu"], "halved", kernel_shape=[2, 2], strides=[2, 2])
    convolution(b, "halved", "group", _expanded(net, SECOND_CONVOLUTION))


def _expanded(net: nn.Sequential, layer: int) -> Parameters:
    found = net[layer]
    if not isinstance(found, Lifting):
        raise TypeError(f"layer {layer} is no group convolution")
    weight, bias = (tensor.detach().contiguous().numpy() for tensor in found.expanded())
    return weight, bias


def _quarter(b: GraphBuilder, source: str, name: str) -> str:
    """``np.rot90`` of maps: rows and columns change places, then the rows run backwards."""
    swapped = b.node("Transpose", [source], f"{name}.swapped", perm=[0, 1, 3, 2])
    bounds = {"from": -1, "to": np.iinfo(np.int64).min, "axis": 2, "step": -1}
    edges = [b.constant(f"{name}.{edge}", np.array([at])) for edge, at in bounds.items()]
    return b.node("Slice", [swapped, *edges], name)


def _vote(b: GraphBuilder, source: str, name: str, net: nn.Sequential) -> str:
    convolution(b, source, f"{name}conv1", parameters(net, 0), stride=2)
    convolution(b, f"{name}conv1_relu", f"{name}conv2", parameters(net, 2))
    b.node("GlobalMaxPool", [f"{name}conv2_relu"], f"{name}pool")
    b.node("Flatten", [f"{name}pool"], f"{name}flat")
    dense(b, f"{name}flat", f"{name}hidden", parameters(net, 6))
    return dense(b, b.node("Relu", [f"{name}hidden"], f"{name}hidden_relu"), name.rstrip("."), parameters(net, 8))


def _answer(b: GraphBuilder, source: str, hidden: Parameters, scores: Parameters) -> bytes:
    dense(b, source, "hidden", hidden)
    dense(b, b.node("Relu", ["hidden"], "hidden_relu"), "scores", scores)
    return finish(b, len(SHAPES))
