"""Choice of taps."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.problems import ErrorCode
from tests.builders import onnx_graphs
from tests.builders.classifiers import accepted
from workers.classifier.selection import describe, select_taps
from workers.errors import StageError


def chosen(builder: str, names: list[str] | None = None) -> list[str]:
    facts, model = accepted(getattr(onnx_graphs, builder)())
    return [tap.name for tap in select_taps(model, facts, names)]


@pytest.mark.parametrize(
    ("builder", "last_hidden"),
    [
        ("mlp", "relu"),
        ("convnet", "pool"),
        ("residual_net", "pool"),
        ("depthwise_net", "mean"),
        ("matmul_head", "pool"),
        ("softmax_net", "tanh"),
        ("channels_last_net", "pool"),
        ("transformer_net", "mean"),
    ],
)
def test_last_hidden_and_logits_are_always_chosen(builder: str, last_hidden: str) -> None:
    taps = chosen(builder)
    assert taps[-2:] == [last_hidden, "logits"]
    assert len(taps) <= 5


def test_a_linear_classifier_has_only_its_logits() -> None:
    assert chosen("constant_classifier") == ["logits"]


def test_taps_spread_over_the_depth_and_prefer_the_waist() -> None:
    b = onnx_graphs.GraphBuilder()
    source, channels = "image", 3
    for i in range(20):
        width = 4 if i % 5 == 0 else 16
        b.conv(source, f"conv{i}", (channels, width), kernel=1)
        source, channels = b.node("Relu", [f"conv{i}"], f"relu{i}"), width
    b.node("GlobalAveragePool", [source], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.gemm("flat", "scores", (16, 5))
    facts, model = accepted(b.build())
    hidden = select_taps(model, facts)[:-1]
    assert [tap.shape[0] for tap in hidden[:3]] == [4, 4, 4]
    assert all(abs(tap.depth - want) < 0.1 for tap, want in zip(hidden[:3], (0.25, 0.5, 0.75), strict=True))


def test_named_taps_may_be_equivalents_and_come_with_the_logits() -> None:
    assert chosen("convnet", ["flat", "relu1"]) == ["relu1", "flat", "logits"]
    assert chosen("convnet", ["logits"]) == ["logits"]
    assert chosen("convnet", ["scores"]) == ["logits"]


def test_an_unknown_name_is_refused_with_the_closest_ones() -> None:
    with pytest.raises(StageError) as caught:
        chosen("residual_net", ["block1_rleu"])
    assert caught.value.code is ErrorCode.MODEL_TAP_UNKNOWN
    assert "block1_relu" in caught.value.advice


def test_a_tensor_inside_a_residual_block_is_no_cut() -> None:
    with pytest.raises(StageError) as caught:
        chosen("residual_net", ["block1_a"])
    assert caught.value.code is ErrorCode.MODEL_TAP_UNKNOWN


def test_shapes_are_measured() -> None:
    facts, model = accepted(onnx_graphs.convnet(size="side"))
    shapes = {tap.name: tap.shape for tap in select_taps(model, facts, image_size=(20, 12))}
    assert shapes["relu1"] == (8, 20, 12)
    assert shapes["logits"] == (5,)


def test_a_hidden_tensor_called_logits_keeps_clear_of_the_logits() -> None:
    b = onnx_graphs.GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "hidden", (768, 6))
    b.node("Relu", ["hidden"], "logits")
    b.gemm("logits", "scores", (6, 5))
    facts, model = accepted(b.build())
    taps = select_taps(model, facts)
    assert [tap.tensor for tap in taps] == ["hidden", "logits", "scores"]
    assert taps[-1].name == "logits"
    assert len({tap.name for tap in taps}) == 3


def test_describe_counts_zeros_and_rank() -> None:
    generator = np.random.default_rng(0)
    low = generator.standard_normal((100, 3)) @ generator.standard_normal((3, 40))
    values = np.concatenate([low, np.zeros((100, 40))], axis=1).astype(np.float32)
    found = describe(values)
    assert found.rank == 3
    assert found.zeros == 0.5


def test_rank_of_constant_values_is_zero() -> None:
    assert describe(np.ones((50, 2, 3, 3), np.float32)).rank == 0
