"""Sessions, taps, heads and random twins of classifiers of graphs: the same calls as for images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from schemas.classifiers import ClassifierFacts, InputSpec
from schemas.problems import ErrorCode
from tests.builders import onnx_graph_nets, onnx_graphs
from tests.builders.classifiers import accepted
from tests.builders.onnx_graphs import to_bytes
from tests.builders.random_graphs import graph_arrays
from workers.classifier.head import open_head
from workers.classifier.randomised import randomise
from workers.classifier.selection import Tap, select_taps
from workers.classifier.session import ClassifierSession, Outputs
from workers.classifier.streaming import stream
from workers.errors import StageError
from workers.graphs.packing import pack, permuted, presence

M = 8
NETS: list[Callable[[], onnx.ModelProto]] = [
    onnx_graph_nets.message_passing_net, lambda: onnx_graph_nets.message_passing_net(1),
    lambda: onnx_graph_nets.message_passing_net(n=M), lambda: onnx_graph_nets.message_passing_net(n=11),
    onnx_graph_nets.matrix_net, lambda: onnx_graph_nets.matrix_net(mask=True), onnx_graph_nets.bag_net,
    onnx_graph_nets.edge_sum_net, onnx_graph_nets.flat_net, lambda: onnx_graph_nets.flat_net(M),
]  # fmt: skip
EQUIVARIANT = NETS[:8]


def packed(facts: ClassifierFacts, n: int = 40, m: int = M) -> np.ndarray:
    """Random graphs with as many features as the model takes."""
    assert facts.graph is not None
    if facts.graph.size is not None:
        m = min(m, facts.graph.size)
    arrays = graph_arrays(n, m=m)
    edges = arrays["adjacency"] if facts.graph.edge_axis else arrays["adjacency"].any(axis=3)
    return pack(arrays["nodes"], edges, arrays["mask"])


def everything(build: Callable[[], onnx.ModelProto]) -> tuple[ClassifierFacts, bytes, list[Tap], np.ndarray, Outputs]:
    facts, model = accepted(build())
    graphs = packed(facts)
    taps = select_taps(model, facts, None, graphs.shape[1:3])
    return facts, model, taps, graphs, ClassifierSession(model, facts, InputSpec(), taps, batch=16).run(graphs)


@pytest.mark.parametrize("build", NETS)
def test_a_session_answers_as_the_file_does_with_the_arrays_of_the_upload(
    build: Callable[[], onnx.ModelProto],
) -> None:
    facts, _, taps, graphs, found = everything(build)
    assert facts.graph is not None
    m = graphs.shape[1]
    arrays = graph_arrays(40, m=m)
    room = (facts.graph.size or m) - m
    arrays["adjacency"] = arrays["adjacency"] if facts.graph.edge_axis else arrays["adjacency"].any(axis=3)
    sides = {"nodes": (1,), "adjacency": (1, 2), "mask": (1,)}
    model = build()
    feeds = {
        value.name: np.pad(
            arrays[value.name].astype(np.float32),
            [(0, room if axis in sides[value.name] else 0) for axis in range(arrays[value.name].ndim)],
        )
        for value in model.graph.input
    }
    session = ort.InferenceSession(to_bytes(model), providers=["CPUExecutionProvider"])
    fixed = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 40
    parts = [{name: part[i : i + fixed] for name, part in feeds.items()} for i in range(0, 40, fixed)]
    expected = np.concatenate([session.run(None, part)[0] for part in parts])
    np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-5)
    assert {tap.name: found.taps[tap.name].shape[1:] for tap in taps} == {tap.name: tap.shape for tap in taps}


@pytest.mark.parametrize("build", NETS)
def test_every_tap_has_a_head(build: Callable[[], onnx.ModelProto]) -> None:
    facts, model, taps, graphs, known = everything(build)
    hidden = [tap for tap in taps if tap.kind == "hidden"]
    assert hidden
    for tap in hidden:
        head = open_head(model, facts, tap, known, graphs.shape[1:3])
        values = known.taps[tap.name]
        np.testing.assert_allclose(head.run(values), known.logits, rtol=1e-4, atol=1e-5)
        assert np.abs(head.run(values[::-1]) - known.logits).max() > 1e-3, "it reads the values that it is given"


@pytest.mark.parametrize("build", EQUIVARIANT)
def test_permuting_a_packed_graph_permutes_its_node_taps_and_nothing_else(
    build: Callable[[], onnx.ModelProto],
) -> None:
    facts, model, taps, graphs, found = everything(build)
    order = np.random.default_rng(0).permutation(graphs.shape[1])
    moved = permuted(graphs, np.tile(order, (len(graphs), 1)))
    other = ClassifierSession(model, facts, InputSpec(), taps).run(moved)
    np.testing.assert_allclose(other.logits, found.logits, atol=1e-4)
    for tap in taps:
        if tap.nodes == len(order) and tap.shape[0] == tap.nodes and len(tap.shape) > 1:
            expected = found.taps[tap.name][:, order]
            expected = expected[:, :, order] if len(tap.shape) == 3 else expected
            np.testing.assert_allclose(other.taps[tap.name], expected, atol=1e-4)


def test_a_dense_layer_on_everything_cares_for_the_order() -> None:
    """The check above can fail."""
    facts, model, taps, graphs, found = everything(lambda: onnx_graph_nets.flat_net(M))
    moved = permuted(graphs, np.tile(np.arange(M)[::-1], (len(graphs), 1)))
    assert np.abs(ClassifierSession(model, facts, InputSpec(), taps).run(moved).logits - found.logits).max() > 0.1


def test_taps_know_how_many_nodes_they_run_over() -> None:
    taps = {tap.name: tap for tap in everything(onnx_graph_nets.edge_sum_net)[2]}
    assert (taps["pairs"].shape, taps["pairs"].nodes) == ((M, M, 4), M)
    assert taps["logits"].nodes is None
    wide = {tap.name: tap for tap in everything(lambda: onnx_graph_nets.message_passing_net(n=11))[2]}
    assert (wide["kept1"].shape, wide["kept1"].nodes) == ((11, 6), 11)
    facts, model = accepted(onnx_graphs.convnet())
    assert {tap.nodes for tap in select_taps(model, facts)} == {None}


def test_large_taps_keep_their_nodes() -> None:
    facts, model, taps, graphs, whole = everything(onnx_graph_nets.edge_sum_net)
    found = ClassifierSession(model, facts, InputSpec(), taps, most_elements=40).run(graphs)
    assert found.taps["pairs"].shape == (40, M, 4)
    np.testing.assert_allclose(found.taps["pairs"], whole.taps["pairs"].mean(axis=2), atol=1e-6)


def test_named_taps() -> None:
    facts, model = accepted(onnx_graph_nets.message_passing_net())
    taps = select_taps(model, facts, ["kept1"], (M, M))
    assert [tap.name for tap in taps] == ["kept1", "logits"]
    with pytest.raises(StageError) as caught:
        select_taps(model, facts, ["kept0"], (M, M))
    assert caught.value.code is ErrorCode.MODEL_TAP_UNKNOWN


@pytest.mark.parametrize("build", NETS)
def test_a_twin_with_random_weights_has_the_same_taps(build: Callable[[], onnx.ModelProto]) -> None:
    facts, model, taps, graphs, found = everything(build)
    twin = ClassifierSession(randomise(model, np.random.default_rng(0)), facts, InputSpec(), taps, finite=False)
    other = twin.run(graphs)
    assert {name: values.shape for name, values in other.taps.items()} == {
        name: values.shape for name, values in found.taps.items()
    }
    assert np.abs(other.logits - found.logits).max() > 0.05


def test_floats_become_graphs_first() -> None:
    """What a decoder draws need not be one: it is read as the nearest that is."""
    facts, model = accepted(onnx_graph_nets.message_passing_net())
    session = ClassifierSession(model, facts, InputSpec())
    graphs = packed(facts)
    noisy = np.clip(graphs / 255 + np.random.default_rng(0).uniform(-0.001, 0.001, graphs.shape), 0, 1)
    np.testing.assert_allclose(session.run(noisy).logits, session.run(graphs).logits, atol=1e-4)


def test_no_graphs_and_shards() -> None:
    facts, model, taps, graphs, found = everything(onnx_graph_nets.message_passing_net)
    session = ClassifierSession(model, facts, InputSpec(), taps)
    nothing = session.run(graphs[:0])
    assert nothing.logits.shape == (0, 3)
    assert nothing.taps["kept1"].shape == (0, M, 6)
    shards = list(stream(session, graphs, 15))
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 15), (15, 30), (30, 40)]
    np.testing.assert_allclose(np.concatenate([s.outputs.logits for s in shards]), found.logits, atol=1e-5)


def message(facts: ClassifierFacts, model: bytes, references: np.ndarray) -> str:
    with pytest.raises(StageError) as caught:
        ClassifierSession(model, facts, InputSpec()).run(references)
    assert caught.value.code is ErrorCode.CLASSIFIER_DATASET_MISMATCH
    assert caught.value.advice
    return caught.value.detail


def test_references_that_do_not_fit() -> None:
    facts, model = accepted(onnx_graph_nets.message_passing_net(n=6))
    graphs = packed(facts, m=6)
    assert "at most 6 nodes" in message(facts, model, np.pad(graphs, ((0, 0), (0, 1), (0, 1), (0, 0))))
    assert "3 features of nodes and 2 of edges" in message(facts, model, np.pad(graphs, ((0, 0),) * 3 + ((0, 1),)))
    assert "references are images" in message(facts, model, np.zeros((2, 8, 8, 3), np.uint8))
    facts, model = accepted(onnx_graphs.convnet())
    assert "channels" in message(facts, model, np.zeros((2, 16, 16, 6), np.uint8))


def test_a_graph_that_makes_it_divide_by_zero() -> None:
    b = onnx_graph_nets.GraphBuilder(9)
    axes = b.constant("axes", np.array([1, 2], dtype=np.int64))
    b.node("ReduceSum", ["adjacency", axes], "degrees", keepdims=0)
    b.node("ReduceSum", ["nodes", axes], "counts", keepdims=0)
    b.node("Unsqueeze", ["counts", b.constant("last", np.array([-1], dtype=np.int64))], "column")
    b.node("Div", ["column", "degrees"], "share")
    b.gemm("share", "scores", (2, 3))
    inputs = onnx_graph_nets.three_inputs()
    model = onnx_graph_nets.build(b, {name: inputs[name] for name in ("nodes", "adjacency")})
    facts, canonical = accepted_with_edges(model)
    graphs = packed(facts)
    graphs[:3, :, :, -2:] = 0
    assert presence(graphs).any(axis=1).all()
    with pytest.raises(StageError, match="of 40 graphs") as caught:
        ClassifierSession(canonical, facts, InputSpec()).run(graphs)
    assert caught.value.code is ErrorCode.CLASSIFIER_NOT_FINITE


def accepted_with_edges(model: onnx.ModelProto) -> tuple[ClassifierFacts, bytes]:
    """Facts as intake would find them, had its probes every kind of edge in every graph."""
    facts, _ = accepted(onnx_graph_nets.edge_sum_net())
    return facts, to_bytes(model)
