"""Sessions: logits and taps against a forward pass written out in NumPy, and against plain ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from tests.builders import onnx_graphs
from tests.builders.classifiers import accepted
from workers.classifier.selection import select_taps
from workers.classifier.session import ClassifierSession
from workers.classifier.streaming import stream
from workers.errors import StageError


def images(count: int, size: int = 16, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels)).astype(np.uint8)


def session_of(model: onnx.ModelProto, names: list[str] | None = None, **options: Any) -> ClassifierSession:
    facts, canonical = accepted(model)
    return ClassifierSession(canonical, facts, InputSpec(), select_taps(canonical, facts, names), **options)


def weights_of(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_every_tap_against_numpy() -> None:
    model = onnx_graphs.mlp()
    w = weights_of(model)
    x = images(70, size=8, channels=1)
    hidden = (x.reshape(70, -1) / 255.0) @ w["hidden.weight"].T + w["hidden.bias"]
    relu = np.maximum(hidden, 0)
    logits = relu @ w["scores.weight"].T + w["scores.bias"]
    out = session_of(model, ["hidden", "relu"], batch=32).run(x)
    np.testing.assert_allclose(out.taps["hidden"], hidden, atol=1e-5)
    np.testing.assert_allclose(out.taps["relu"], relu, atol=1e-5)
    np.testing.assert_allclose(out.logits, logits, atol=1e-5)
    np.testing.assert_array_equal(out.taps["logits"], out.logits)
    assert out.logits.dtype == out.taps["relu"].dtype == np.float32


@pytest.mark.parametrize(("activation", "kind"), [("Softmax", "probabilities"), ("Sigmoid", "sigmoid")])
def test_logits_come_from_before_the_activation(activation: str, kind: str) -> None:
    model = onnx_graphs.softmax_net(activation)
    session = session_of(model)
    assert session.facts.output_kind == kind
    x = images(9)
    feed = {"image": x.transpose(0, 3, 1, 2).astype(np.float32) / 255.0}
    plain = ort.InferenceSession(onnx_graphs.to_bytes(model), providers=["CPUExecutionProvider"]).run(None, feed)[0]
    np.testing.assert_allclose(session.probabilities(x), plain, atol=1e-5)
    w = weights_of(model)
    tanh = session.run(x).taps["tanh"]
    np.testing.assert_allclose(session.run(x).logits, tanh @ w["raw.weight"].T + w["raw.bias"], atol=1e-5)


def test_logits_of_invisible_softmax_are_logarithms() -> None:
    session = session_of(onnx_graphs.hidden_softmax_net())
    assert session.facts.output_kind == "probabilities"
    out = session.run(images(8))
    raw = out.taps["raw"]
    want = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(out.logits, want, atol=1e-4)


def test_one_by_one_equals_batches() -> None:
    single = session_of(onnx_graphs.stubborn_single_net())
    assert not single.facts.dynamic_batch
    x = images(5)
    together = single.run(x).logits
    alone = np.concatenate([single.run(x[i : i + 1]).logits for i in range(5)])
    assert together.shape == (5, 5)
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together, axis=0)) == 5


def test_channels_last_and_first_agree_on_what_a_pixel_is() -> None:
    """The NHWC net is the same function as its NCHW body."""
    model = onnx_graphs.channels_last_net()
    out = session_of(model).run(images(3))
    w = weights_of(model)
    np.testing.assert_allclose(out.logits, out.taps["pool"] @ w["scores.weight"].T + w["scores.bias"], atol=1e-5)


def test_uint8_models_get_raw_pixels() -> None:
    model = onnx_graphs.uint8_net()
    w = weights_of(model)
    x = images(4)
    flat = x.transpose(0, 3, 1, 2).reshape(4, -1) / 255.0
    np.testing.assert_allclose(
        session_of(model).run(x).logits, flat @ w["scores.weight"].T + w["scores.bias"], atol=1e-4
    )


def test_floats_are_rounded_to_what_could_be_saved() -> None:
    session = session_of(onnx_graphs.convnet())
    x = images(4)
    nudged = x.astype(np.float32) / 255.0 + 0.001
    np.testing.assert_array_equal(session.run(nudged).logits, session.run(x).logits)


def test_other_sizes_and_grey_images_are_fitted() -> None:
    session = session_of(onnx_graphs.convnet())
    grey = images(3, size=28, channels=1)
    np.testing.assert_allclose(
        session.run(grey).logits, session.run(np.repeat(grey, 3, axis=3)).logits, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shape", [(2, 16, 16, 4), (2, 16, 16), (2, 3)])
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(StageError) as caught:
        session_of(onnx_graphs.convnet()).run(np.zeros(shape, np.uint8))
    assert caught.value.code is ErrorCode.CLASSIFIER_DATASET_MISMATCH


def test_no_images_give_empty_outputs_of_the_right_width() -> None:
    out = session_of(onnx_graphs.convnet()).run(images(0))
    assert out.logits.shape == (0, 5)
    assert out.taps["pool"].shape == (0, 16)


def test_a_broken_model_is_a_stage_error() -> None:
    facts, _ = accepted(onnx_graphs.mlp())
    with pytest.raises(StageError) as caught:
        ClassifierSession(onnx_graphs.to_bytes(onnx_graphs.random_net())[:500], facts, InputSpec())
    assert caught.value.code is ErrorCode.MODEL_NOT_RUNNABLE


def test_stream_covers_all_in_order_and_holds_one_shard() -> None:
    session = session_of(onnx_graphs.convnet(), batch=16)
    x = images(50)
    shards = list(stream(session, x, shard=20))
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 20), (20, 40), (40, 50)]
    whole = session.run(x)
    np.testing.assert_allclose(np.concatenate([s.outputs.logits for s in shards]), whole.logits, rtol=1e-5, atol=1e-6)


class Watched:
    """Images that note how many were taken at once."""

    def __init__(self, content: NDArray[np.uint8]) -> None:
        self.content, self.largest = content, 0

    def __len__(self) -> int:
        return len(self.content)

    def __getitem__(self, part: slice) -> NDArray[np.uint8]:
        taken = self.content[part]
        self.largest = max(self.largest, len(taken))
        return taken


def test_stream_never_reads_more_than_a_shard() -> None:
    watched = Watched(images(50))
    assert sum(len(s.outputs) for s in stream(session_of(onnx_graphs.convnet()), watched, shard=16)) == 50  # type: ignore[arg-type]
    assert watched.largest == 16


def test_large_taps_are_pooled() -> None:
    session = session_of(onnx_graphs.convnet(), ["relu1"], most_elements=8 * 16)
    exact = session_of(onnx_graphs.convnet(), ["relu1"])
    x = images(3)
    full = exact.run(x).taps["relu1"]
    assert full.shape == (3, 8, 16, 16)
    np.testing.assert_allclose(
        session.run(x).taps["relu1"], full.reshape(3, 8, 4, 4, 4, 4).mean(axis=(3, 5)), atol=1e-6
    )


def test_an_answer_that_is_no_number_says_of_how_many_images() -> None:
    """A classifier may divide by what a black picture does not have: means over images would all be NaN."""
    x = images(70)
    x[[3, 68]] = 0
    session = session_of(onnx_graphs.dividing_net(), batch=32)
    with pytest.raises(StageError, match="2 of 70 images") as caught:
        session.run(x)
    assert caught.value.code is ErrorCode.CLASSIFIER_NOT_FINITE
    assert caught.value.advice
    assert np.isfinite(session.run(x[4:68]).logits).all()


def test_a_tap_that_is_no_number_is_refused_even_where_the_answer_is_finite() -> None:
    b = onnx_graphs.GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.node("Log", ["flat"], "logarithm")  # of 0: minus infinity
    b.node("Sigmoid", ["logarithm"], "squashed")
    b.gemm("squashed", "scores", (3 * 16 * 16, 5))
    x = np.maximum(images(5), 1)
    session = session_of(b.build(), ["logarithm"])
    assert len(session.run(x)) == 5
    x[2, 0, 0, 0] = 0
    with pytest.raises(StageError, match=r"1 of 5 images .* 'logarithm'"):
        session.run(x)


def test_who_deals_with_them_gets_what_is_no_number() -> None:
    facts, canonical = accepted(onnx_graphs.dividing_net())
    session = ClassifierSession(canonical, facts, InputSpec(), finite=False)
    assert np.isnan(session.run(np.zeros((2, 16, 16, 3), np.uint8)).logits).all()


def test_only_several_sigmoids_decide_one_by_one() -> None:
    assert session_of(onnx_graphs.softmax_net("Sigmoid")).independent
    assert not session_of(onnx_graphs.softmax_net()).independent
    assert not session_of(onnx_graphs.mlp()).independent
