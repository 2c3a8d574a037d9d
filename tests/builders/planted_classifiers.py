"""ONNX classifiers of the planted scenes whose truth follows from their graph.

Hue is read exactly: grey pixels cancel in the colour plane, and the direction of the mean colour does not know the
size of what is coloured. Shape is read by a small net that sees the HSV value only, with the watermark masked: that
net *cannot* see hue (at fixed saturation and value) or watermark, whatever it learned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.builders.onnx_graphs import GraphBuilder, to_bytes
from tests.builders.planted_scenes import MARK, SHAPES, SIDE, WATERMARK, draw, render

HIDDEN = 32
STEPS = 500
PLANE = np.array([[1, -0.5, -0.5], [0, np.sqrt(0.75), -np.sqrt(0.75)]], dtype=np.float32)
"""RGB to the colour plane; its angle is the hue, and grey is its origin."""


def mask() -> NDArray[np.float32]:
    """1 where the shape net may look, ``(1, 1, 20, 20)``."""
    visible = np.ones((1, 1, SIDE, SIDE), dtype=np.float32)
    visible[:, :, WATERMARK, WATERMARK] = 0
    return visible


@cache
def trained_shape_net() -> nn.Sequential:
    """Two convolutions, a global maximum, a head of four; trained in seconds on masked HSV values."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(SHAPES)),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-3, total_steps=STEPS)
    scenes = draw(8192, seed=101)
    inputs, labels = _values(render(scenes)), torch.from_numpy(scenes.shape)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        pick = torch.randint(len(inputs), (128,), generator=generator)
        loss = nn.functional.cross_entropy(net(inputs[pick]), labels[pick], label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


def shape_reader() -> bytes:
    """Reads the shape; hue and watermark are taken away before anything is learned (P2)."""
    b = GraphBuilder()
    _dense(b, _shape_features(b), "scores", _linear(8))
    return _finish(b, len(SHAPES))


def hue_reader() -> bytes:
    """The shortcut twin: the class is the quarter of the hue circle, and nothing else exists (P3)."""
    b = GraphBuilder()
    angles = 2 * np.pi * (np.arange(4) + 0.5) / 4
    directions = 8 * np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    b.node("MatMul", [_hue(b), b.constant("directions", directions)], "scores")
    return _finish(b, 4)


def xor_reader() -> bytes:
    """Half of the hue circle XOR watermark: neither is readable from the answer alone."""
    b = GraphBuilder()
    half = _step(b, b.node("Gather", [_hue(b), b.constant("sine", np.array([1]))], "upper", axis=1), "half", 0.0)
    corner = b.node("ReduceMean", [_crop(b, WATERMARK, "corner")], "bright", axes=[1, 2, 3], keepdims=0)
    present = b.node("Reshape", [corner, b.constant("column", np.array([-1, 1]))], "present")
    b.node("Mul", [half, _step(b, present, "stamped", 0.5)], "differs")
    b.node("MatMul", ["differs", b.constant("sides", np.array([[-4, 4]], np.float32))], "scores")
    return _finish(b, 2)


def hue_encoded_unused() -> bytes:
    """Shape net whose last hidden layer also holds the hue; the head's weights on it are zero (P6)."""
    b = GraphBuilder()
    b.node("Concat", [_shape_features(b), _hue(b)], "penultimate", axis=1)
    weight, bias = _linear(8)
    _dense(b, "penultimate", "scores", (np.pad(weight, ((0, 0), (0, 2))), bias))
    return _finish(b, len(SHAPES))


def faint_mark_reader() -> bytes:
    """Reads nothing but a single pixel that is hardly brighter than its neighbour (P11)."""
    b = GraphBuilder()
    here = _crop(b, slice(MARK, MARK + 1), "here")
    b.node("Sub", [here, _crop(b, slice(MARK, MARK + 1), "beside", shift=-1)], "brighter")
    b.node("ReduceMean", ["brighter"], "excess", axes=[2, 3], keepdims=0)
    b.node("ReduceMean", ["excess"], "mark", axes=[1], keepdims=1)
    sides = b.constant("sides", np.array([[-4, 4]], np.float32))
    b.node("MatMul", [_step(b, "mark", "seen", 0.04, slope=100.0), sides], "scores")
    return _finish(b, 2)


def constant(epsilon: float = 0.0) -> bytes:
    """One answer for every image; ``epsilon`` of the mean pixel is added to its logits (P5)."""
    b = GraphBuilder()
    b.node("ReduceMean", ["image"], "mean", axes=[1, 2, 3], keepdims=0)
    b.node("Reshape", ["mean", b.constant("column", np.array([-1, 1]))], "level")
    weight = epsilon * np.array([[1, -1, 1, -1]], dtype=np.float32)
    b.node("MatMul", ["level", b.constant("weight", weight)], "whisper")
    b.node("Add", ["whisper", b.constant("bias", np.array([3, 0, 0, 0], np.float32))], "scores")
    return _finish(b, 4)


PLANTS: dict[str, Callable[[], bytes]] = {
    "shape": shape_reader,
    "hue": hue_reader,
    "xor": xor_reader,
    "encoded": hue_encoded_unused,
    "faint": faint_mark_reader,
    "constant": constant,
    "whisper": lambda: constant(1e-4),
}


def _values(images: NDArray[np.uint8]) -> Tensor:
    """What the shape net sees, ``(n, 1, 20, 20)``."""
    return torch.from_numpy(images.max(axis=-1)[:, None].astype(np.float32) / 255 * mask())


def _linear(layer: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    found = trained_shape_net()[layer]
    return found.weight.detach().numpy(), found.bias.detach().numpy()


def _shape_features(b: GraphBuilder) -> str:
    b.node("ReduceMax", ["image"], "value", axes=[1], keepdims=1)
    b.node("Mul", ["value", b.constant("mask", mask())], "masked")
    _conv(b, "masked", "conv1", 0, stride=2)
    _conv(b, "conv1_relu", "conv2", 2, stride=1)
    b.node("GlobalMaxPool", ["conv2_relu"], "pool")
    b.node("Flatten", ["pool"], "flat")
    _dense(b, "flat", "hidden", _linear(6))
    return b.node("Relu", ["hidden"], "hidden_relu")


def _conv(b: GraphBuilder, source: str, name: str, layer: int, stride: int) -> None:
    weight, bias = _linear(layer)
    inputs = [source, b.constant(f"{name}.weight", weight), b.constant(f"{name}.bias", bias)]
    b.node("Conv", inputs, name, pads=[weight.shape[-1] // 2] * 4, strides=[stride, stride])
    b.node("Relu", [name], f"{name}_relu")


def _dense(b: GraphBuilder, source: str, name: str, parameters: tuple[NDArray[np.float32], NDArray[np.float32]]) -> str:
    weight, bias = parameters
    inputs = [source, b.constant(f"{name}.weight", weight), b.constant(f"{name}.bias", bias)]
    return b.node("Gemm", inputs, name, transB=1)


def _hue(b: GraphBuilder) -> str:
    """Cosine and sine of the mean colour's angle, ``(n, 2)``."""
    b.node("ReduceMean", ["image"], "colour", axes=[2, 3], keepdims=0)
    b.node("MatMul", ["colour", b.constant("plane", PLANE.T.copy())], "chroma")
    b.node("ReduceL2", ["chroma"], "length", axes=[1], keepdims=1)
    b.node("Max", ["length", b.constant("tiny", np.array(1e-4, np.float32))], "safe_length")
    return b.node("Div", ["chroma", "safe_length"], "direction")


def _crop(b: GraphBuilder, where: slice, name: str, shift: int = 0) -> str:
    """The square ``where`` by ``where`` of the image, ``shift`` columns aside."""
    starts = b.constant(f"{name}.starts", np.array([where.start, where.start + shift]))
    ends = b.constant(f"{name}.ends", np.array([where.stop, where.stop + shift]))
    axes = b.constant(f"{name}.axes", np.array([2, 3]))
    return b.node("Slice", ["image", starts, ends, axes], name)


def _step(b: GraphBuilder, source: str, name: str, at: float, slope: float = 20.0) -> str:
    """A steep tanh around ``at``."""
    b.node("Sub", [source, b.constant(f"{name}.at", np.array(at, np.float32))], f"{name}_from")
    b.node("Mul", [f"{name}_from", b.constant(f"{name}.slope", np.array(slope, np.float32))], f"{name}_steep")
    return b.node("Tanh", [f"{name}_steep"], name)


def _finish(b: GraphBuilder, classes: int) -> bytes:
    return to_bytes(b.build(("batch", 3, SIDE, SIDE), classes))
