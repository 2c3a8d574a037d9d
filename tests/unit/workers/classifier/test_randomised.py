"""Twins of random weights: the same graph, other numbers, nothing structural touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from schemas.classifiers import ClassifierFacts, InputSpec
from tests.builders import onnx_graphs
from tests.builders.classifiers import accepted
from workers.classifier.randomised import randomise
from workers.classifier.selection import select_taps
from workers.classifier.session import ClassifierSession

DEMO = Path(__file__).parents[4] / "deploy" / "demo"
GRAPHS: list[Callable[[], onnx.ModelProto]] = [
    onnx_graphs.mlp, onnx_graphs.convnet, onnx_graphs.residual_net, onnx_graphs.depthwise_net, onnx_graphs.matmul_head,
    onnx_graphs.softmax_net, onnx_graphs.hidden_softmax_net, onnx_graphs.channels_last_net, onnx_graphs.uint8_net,
    onnx_graphs.fixed_reshape_net, onnx_graphs.shape_path_net, onnx_graphs.transformer_net,
]  # fmt: skip


def twin_of(model: bytes, seed: int = 0) -> bytes:
    return randomise(model, np.random.default_rng(seed))


def stored(model: bytes) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in onnx.ModelProto.FromString(model).graph.initializer}


def answers(model: bytes, facts: ClassifierFacts, n: int = 24) -> dict[str, np.ndarray]:
    """Logits and every automatic tap of noise images."""
    channels, height, width = facts.input_shape[1:] if facts.layout == "nchw" else np.roll(facts.input_shape[1:], 1)
    images = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    session = ClassifierSession(model, facts, InputSpec(), select_taps(model, facts))
    outputs = session.run(images)
    return {"logits": outputs.logits, **outputs.taps}


@pytest.mark.parametrize("build", GRAPHS)
def test_twin_answers_otherwise_through_tensors_of_the_same_shape(build: Callable[[], onnx.ModelProto]) -> None:
    facts, model = accepted(build())
    trained, twin = answers(model, facts), answers(twin_of(model), facts)
    assert {name: values.shape for name, values in trained.items()} == {n: v.shape for n, v in twin.items()}
    assert all(np.isfinite(values).all() for values in twin.values())
    assert np.ptp(twin["logits"], axis=0).max() > 0
    centred = [values["logits"] - values["logits"].mean(axis=0) for values in (trained, twin)]
    assert abs(np.corrcoef(*(values.ravel() for values in centred))[0, 1]) < 0.9


@pytest.mark.parametrize("name", ["hue", "robust"])
def test_twin_of_a_demo_classifier_keeps_magnitudes_and_forgets_the_rest(name: str) -> None:
    facts, model = accepted(onnx.load(DEMO / f"{name}.onnx"))
    before, after = stored(model), stored(twin_of(model))
    for key, values in before.items():
        assert after[key].shape == values.shape
        assert np.sort(np.abs(after[key]), axis=None) == pytest.approx(np.sort(np.abs(values), axis=None))
    weights = {key: values for key, values in before.items() if values.ndim > 1}
    assert weights
    for key, values in weights.items():
        assert abs(np.corrcoef(values.ravel(), after[key].ravel())[0, 1]) < 0.2
        assert abs(after[key].mean()) < 4 * after[key].std() / after[key].size ** 0.5
    logits = answers(twin_of(model), facts)["logits"]
    assert np.isfinite(logits).all()
    assert logits.std(axis=0).max() > 1e-3


def test_same_generator_same_twin_other_generator_other_twin() -> None:
    _, model = accepted(onnx_graphs.convnet())
    assert twin_of(model, 1) == twin_of(model, 1)
    assert twin_of(model, 1) != twin_of(model, 2)


def test_preprocessing_shapes_and_single_numbers_stay() -> None:
    b = onnx_graphs.GraphBuilder()
    b.constant("mean", np.array([0.4, 0.5, 0.6], np.float32).reshape(1, 3, 1, 1))
    b.constant("std", np.array([0.1, 0.2, 0.3], np.float32).reshape(1, 3, 1, 1))
    b.constant("gain", np.array([0.1, 0.2, 0.3, 0.4], np.float32).reshape(1, 4, 1, 1))
    b.constant("twice", np.array([2.0], np.float32))
    b.constant("target", np.array([0, -1], np.int64))
    b.node("Sub", ["image", "mean"], "centred")
    b.node("Div", ["centred", "std"], "standard")
    b.conv("standard", "conv", (3, 4))
    b.node("Mul", ["conv", "gain"], "scaled")
    b.node("Mul", ["scaled", "twice"], "doubled")
    b.node("Reshape", ["doubled", "target"], "flat")
    b.gemm("flat", "scores", (4 * 16 * 16, 5))
    model = onnx_graphs.to_bytes(b.build())
    before, after = stored(model), stored(twin_of(model))
    for name in ("mean", "std", "twice", "target"):
        assert np.array_equal(before[name], after[name])
    for name in ("conv.weight", "scores.weight", "scores.bias"):
        assert not np.array_equal(before[name], after[name])
    assert sorted(after["gain"].ravel()) == sorted(before["gain"].ravel())


def test_batch_normalisation_is_shuffled_channel_by_channel() -> None:
    b = onnx_graphs.GraphBuilder()
    b.conv("image", "conv", (3, 32))
    names = [b.constant(name, (np.arange(32) + 1 + 100 * i).astype(np.float32))
             for i, name in enumerate(("scale", "shift", "centre", "variance"))]  # fmt: skip
    b.node("BatchNormalization", ["conv", *names], "normal")
    b.node("GlobalAveragePool", ["normal"], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.gemm("flat", "scores", (32, 5))
    after = stored(twin_of(onnx_graphs.to_bytes(b.build())))
    assert not np.array_equal(after["scale"], np.arange(32) + 1)
    for i, name in enumerate(names):
        assert np.array_equal(after[name] - 100 * i, after["scale"])


def test_weights_in_constant_nodes_and_behind_a_transpose_are_found() -> None:
    b = onnx_graphs.GraphBuilder()
    weight = np.random.default_rng(0).standard_normal((5, 3 * 16 * 16)).astype(np.float32)
    b.nodes.append(helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weight)))
    b.node("Transpose", ["w"], "w_t", perm=[1, 0])
    b.node("Flatten", ["image"], "flat")
    b.node("MatMul", ["flat", "w_t"], "scores")
    twin = onnx.ModelProto.FromString(twin_of(onnx_graphs.to_bytes(b.build())))
    found = numpy_helper.to_array(twin.graph.node[0].attribute[0].t)
    assert not np.array_equal(found, weight)
    assert np.allclose(np.sort(np.abs(found), axis=None), np.sort(np.abs(weight), axis=None))


def test_graphs_without_weights_and_with_branches_survive() -> None:
    _, constant = accepted(onnx_graphs.constant_classifier())
    assert (stored(twin_of(constant))["zeros"] == 0).all()
    nested = onnx_graphs.to_bytes(onnx_graphs.nested_if_net(3))
    assert not np.array_equal(stored(twin_of(nested))["raw.weight"], stored(nested)["raw.weight"])
