"""Stages on a classifier that quarter turns commute with by construction, with the views that a screen would name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray

from schemas.audits import SymmetryGroup
from schemas.classifiers import InputSpec
from schemas.results import InvariantView
from schemas.stages import StageRequest
from tests.builders.classifiers import accepted
from tests.builders.onnx_graphs import GraphBuilder
from tests.builders.subjects import MemoryStore
from workers.classifier.selection import select_taps
from workers.classifier.session import ClassifierSession
from workers.intake.reference import ReferenceData, dump_dataset
from workers.stages.classifying import dump_taps, probabilities_of
from workers.stages.posefree import tap_orbit, values_shape
from workers.stages.stage import Produced, StageContext, pack, pack_json
from workers.symmetry.choice import choose

SIZE = 16
TAP = "pooled"
CLASSES = ["bar", "corner", "dots"]


def turning_net() -> onnx.ModelProto:
    """Convolutions whose kernels look alike in every quarter turn, pooling, an average over all places, a head."""
    b = GraphBuilder(3)
    for source, name, channels in (("image", "conv1", (1, 8)), ("relu1", "conv2", (8, 8))):
        kernel = np.random.default_rng(len(b.nodes)).standard_normal((channels[1], channels[0], 3, 3))
        alike = np.mean([np.rot90(kernel, k, axes=(2, 3)) for k in range(4)], axis=0).astype(np.float32)
        b.node("Conv", [source, b.constant(f"{name}.weight", alike)], name, pads=[1] * 4)
        b.node("Relu", [name], name.replace("conv", "relu"))
    b.node("AveragePool", ["relu2"], TAP, kernel_shape=[4, 4], strides=[4, 4])
    b.conv(TAP, "mixed", (8, 16), kernel=1)
    b.node("Relu", ["mixed"], "relu3")
    b.node("GlobalAveragePool", ["relu3"], "everywhere")
    b.node("Flatten", ["everywhere"], "flat")
    b.gemm("flat", "scores", (16, len(CLASSES)))
    return b.build(("batch", 1, SIZE, SIZE), len(CLASSES))


def shapes(n: int = 90, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bars, corners and pairs of dots, none of them in one pose only, with their class."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, SIZE, SIZE, 1), np.uint8)
    labels = np.arange(n) % 3
    for image, label in zip(images, labels, strict=True):
        grey, length = rng.integers(150, 255), rng.integers(6, 10)
        y, x = rng.integers(2, 6, size=2)
        if label < 2:
            image[y : y + 2, x : x + length] = grey
        if label == 1:
            image[y : y + length, x : x + 2] = grey
        if label == 2:
            image[y : y + 3, x : x + 3] = image[y + 5 : y + 8, x + 5 : x + 8] = grey
        image[:] = np.rot90(image, rng.integers(4)).copy()
    return images, labels.astype(np.int64)


def run_posed(
    stage: Callable[[StageContext], Produced], name: str, *, group: str = "c4", labelled: bool = True,
    tap: str = TAP,
    inputs: Mapping[str, bytes] | None = None,
) -> Produced:  # fmt: skip
    """``stage`` of an audit of :func:`turning_net`, whose ``tap`` has an invariant view for ``group``."""
    model_facts, model = accepted(turning_net())
    taps = select_taps(model, model_facts, [tap])
    images, labels = shapes()
    orbit = tap_orbit(group, "spatial", values_shape(taps[0]), images.shape[1:])
    choice = choose(orbit, 96)
    view = InvariantView(
        tap=tap, group=SymmetryGroup(group), action="spatial", projection=choice.projection, why=choice.why,
        width=choice.width, lossless=choice.lossless, exact=orbit.closed,
    )  # fmt: skip
    session = ClassifierSession(model, model_facts, InputSpec())
    given = {
        "classifier": model,
        "dataset": dump_dataset(ReferenceData(images, labels if labelled else None, (), ())),
        "taps": pack_json(dump_taps(taps)),
        "symmetry": pack_json({"symmetries": [], "views": [view.model_dump(mode="json")]}),
        "latents": pack({"probabilities": probabilities_of(session, session.run(images).logits)}),
        **(inputs or {}),
    }
    config = {
        "profile": "quick", "facts": model_facts.model_dump(mode="json"), "input": InputSpec().model_dump(mode="json"),
        "attributes": [], "concepts": [], "notes": [], "classes": CLASSES if labelled else None, "outputs": CLASSES,
    }  # fmt: skip
    store = MemoryStore()
    known = {key: store.put(blob) for key, blob in given.items()}
    request = StageRequest(name=name, config=config, seed=0, inputs=known)
    return stage(StageContext(request, store, lambda _share, _words: None))
