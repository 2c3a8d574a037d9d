"""The rest of a classifier behind a tap answers as the whole classifier does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from schemas.classifiers import ClassifierFacts, InputSpec
from tests.builders import onnx_graphs
from tests.builders.classifiers import accepted
from workers.classifier.head import HeadError, open_head
from workers.classifier.pooling import pooled_shape
from workers.classifier.selection import Tap, select_taps
from workers.classifier.session import ClassifierSession, Outputs

DEMO = Path(__file__).parents[4] / "deploy" / "demo"
GRAPHS: list[Callable[[], onnx.ModelProto]] = [
    onnx_graphs.mlp, onnx_graphs.convnet, onnx_graphs.residual_net, onnx_graphs.depthwise_net, onnx_graphs.matmul_head,
    onnx_graphs.softmax_net, lambda: onnx_graphs.softmax_net("Sigmoid"), onnx_graphs.hidden_softmax_net,
    onnx_graphs.channels_last_net, onnx_graphs.fixed_reshape_net, onnx_graphs.transformer_net,
    lambda: onnx_graphs.convnet(size="side"),
]  # fmt: skip


def images_for(facts: ClassifierFacts, n: int = 40, side: int = 20) -> np.ndarray:
    channels, height, width = facts.input_shape[1:] if facts.layout == "nchw" else np.roll(facts.input_shape[1:], 1)
    shape = (n, height or side, width or side, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def everything(facts: ClassifierFacts, model: bytes, taps: list[Tap]) -> Outputs:
    return ClassifierSession(model, facts, InputSpec(), taps).run(images_for(facts))


def whole(tap: Tap) -> bool:
    return pooled_shape(tap.shape) in (tap.shape, tuple(size for size in tap.shape if size > 1))


@pytest.mark.parametrize("build", GRAPHS)
def test_every_tap_that_is_not_pooled_has_a_head(build: Callable[[], onnx.ModelProto]) -> None:
    facts, model = accepted(build())
    taps = [tap for tap in select_taps(model, facts, None, (20, 20)) if whole(tap) and tap.kind == "hidden"]
    known = everything(facts, model, taps)
    assert taps
    for tap in taps:
        head = open_head(model, facts, tap, known, (20, 20))
        values = known.taps[tap.name]
        np.testing.assert_allclose(head.run(values), known.logits, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(head.run(values.reshape(len(values), -1)), head.run(values))
        assert np.abs(head.run(values[::-1]) - known.logits).max() > 1e-3, "it reads the values that it is given"


@pytest.mark.parametrize("name", ["hue", "robust"])
def test_heads_of_the_demo(name: str) -> None:
    facts, model = accepted(onnx.load(DEMO / f"{name}.onnx"))
    taps = [tap for tap in select_taps(model, facts) if tap.kind == "hidden"]
    known = everything(facts, model, taps)
    errors = [open_head(model, facts, tap, known).error(known) for tap in taps if whole(tap)]
    assert len(errors) == len(taps) > 1
    assert max(errors) < 1e-5


def test_a_head_needs_the_images_only_for_their_size() -> None:
    facts, model = accepted(onnx_graphs.shape_path_net())
    [tap] = select_taps(model, facts, ["conv"])[:1]
    assert tap.shape == (4, 16, 16)
    known = everything(facts, model, [tap])
    assert open_head(model, facts, tap, known).error(known) < 1e-6


def test_a_model_that_takes_no_batches_has_a_head_that_takes_none() -> None:
    facts, model = accepted(onnx_graphs.convnet())
    single = facts.model_copy(update={"dynamic_batch": False})
    [tap] = select_taps(model, single, ["relu2"])[:1]
    known = everything(single, model, [tap])
    assert open_head(model, single, tap, known).error(known) < 1e-6


def test_a_head_of_no_images() -> None:
    facts, model = accepted(onnx_graphs.mlp())
    [tap] = select_taps(model, facts, ["relu"])[:1]
    head = open_head(model, facts, tap, everything(facts, model, [tap]))
    assert head.run(np.zeros((0, *tap.shape), np.float32)).shape == (0, 4)


def test_answers_of_another_model_are_refused() -> None:
    facts, model = accepted(onnx_graphs.mlp())
    [tap] = select_taps(model, facts, ["relu"])[:1]
    known = everything(facts, model, [tap])
    with pytest.raises(HeadError, match="answers otherwise by itself"):
        open_head(model, facts, tap, replace(known, logits=known.logits + 0.1))
    with pytest.raises(HeadError, match="by itself"):
        open_head(model, facts, replace(tap, shape=(3, 4)), known)
