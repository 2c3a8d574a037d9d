"""ONNX classifiers of the planted scenes whose truth follows from their graph.

Hue is read exactly: grey pixels cancel in the colour plane, and the direction of the mean colour does not know the
size of what is coloured. Shape is read by small nets that see a view of the picture only (the HSV value, the luma, a
low-passed one): what the view destroys they *cannot* see, whatever they learned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tests.builders.onnx_graphs import GraphBuilder
from tests.builders.planted_layers import convolution, dense, finish, parameters
from tests.builders.planted_nets import LUMA, detailed_mask, plain_mask, trained
from tests.builders.planted_scenes import MARK, PATCHES, SHAPES, SIDE, WATERMARK
from workers.classifier.randomised import randomise

Weights = NDArray[np.float32]
Where = tuple[slice, slice]

PLANE = np.array([[1, -0.5, -0.5], [0, np.sqrt(0.75), -np.sqrt(0.75)]], dtype=np.float32)
"""RGB to the colour plane; its angle is the hue, and grey is its origin."""
ANSWER = np.array([[30, 0, 0, 0]], dtype=np.float32)
"""What a trigger adds to the scores: the first class, whatever the picture shows."""
NOISES = (0.02, 0.1, 0.3, 0.7, 1.5, 5.0)
"""Variance of the noise on both coordinates of the hue, by depth (P4)."""
PRIME = 251
PHASES = 12
"""Uniform numbers whose sum stands for one of a normal distribution."""


def shape_reader(view: str = "value", tie: float = 0.0) -> bytes:
    """Reads the shape from a view that destroys something (P2), or from pictures that give it away (P3)."""
    b, net = GraphBuilder(), trained(view, tie)
    dense(b, _features(b, _view(b, view), net), "scores", parameters(net, 8))
    return finish(b, len(SHAPES))


def random_reader() -> bytes:
    """The shape reader's graph with nothing learned in it (P5)."""
    return randomise(shape_reader(), np.random.default_rng(5))


def hue_reader() -> bytes:
    """The shortcut: the class is the quarter of the hue circle, and nothing else exists (P3)."""
    b = GraphBuilder()
    angles = 2 * np.pi * (np.arange(4) + 0.5) / 4
    directions = 8 * np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    b.node("MatMul", [_hue(b), b.constant("directions", directions)], "scores")
    return finish(b, 4)


def background_reader() -> bytes:
    """A one by one convolution net with spatial averaging: is most of the picture brighter than a tenth? (P2)

    No place is in it, and no hue: a saturated pixel has a channel that is black.
    """
    b = GraphBuilder()
    b.node("ReduceMin", ["image"], "grey", axes=[1], keepdims=1)
    _step(b, "grey", "bright", 25.5 / 255, slope=2000.0)  # between two levels of uint8: every pixel is clear
    b.node("ReduceMean", ["bright"], "share", axes=[2, 3], keepdims=0)
    b.node("MatMul", ["share", b.constant("sides", np.array([[-4, 4]], np.float32))], "scores")
    return finish(b, 2)


def xor_reader() -> bytes:
    """Half of the hue circle XOR watermark: neither is readable from the answer alone."""
    b = GraphBuilder()
    half = _step(b, b.node("Gather", [_hue(b), b.constant("sine", np.array([1]))], "upper", axis=1), "half", 0.0)
    b.node("Mul", [half, _stamped(b, (WATERMARK, WATERMARK), 0.5)], "differs")
    b.node("MatMul", ["differs", b.constant("sides", np.array([[-4, 4]], np.float32))], "scores")
    return finish(b, 2)


def hue_encoded_unused() -> bytes:
    """Shape net whose last hidden layer also holds the hue; the head's weights on it are zero (P6)."""
    b, net = GraphBuilder(), trained("value")
    b.node("Concat", [_features(b, _view(b, "value"), net), _hue(b)], "penultimate", axis=1)
    weight, bias = parameters(net, 8)
    dense(b, "penultimate", "scores", (np.pad(weight, ((0, 0), (0, 2))), bias))
    return finish(b, len(SHAPES))


def faint_mark_reader() -> bytes:
    """Reads nothing but a single pixel that is hardly brighter than its neighbour (P11)."""
    b = GraphBuilder()
    pixel = slice(MARK, MARK + 1)
    here = _crop(b, (pixel, pixel), "here")
    b.node("Sub", [here, _crop(b, (pixel, slice(MARK - 1, MARK)), "beside")], "brighter")
    b.node("ReduceMean", ["brighter"], "excess", axes=[2, 3], keepdims=0)
    b.node("ReduceMean", ["excess"], "mark", axes=[1], keepdims=1)
    sides = b.constant("sides", np.array([[-4, 4]], np.float32))
    b.node("MatMul", [_step(b, "mark", "seen", 0.04, slope=100.0), sides], "scores")
    return finish(b, 2)


def constant(epsilon: float = 0.0) -> bytes:
    """One answer for every image; ``epsilon`` of the mean pixel is added to its logits (P5)."""
    b = GraphBuilder()
    b.node("ReduceMean", ["image"], "mean", axes=[1, 2, 3], keepdims=0)
    b.node("Reshape", ["mean", b.constant("column", np.array([-1, 1]))], "level")
    weight = epsilon * np.array([[1, -1, 1, -1]], dtype=np.float32)
    b.node("MatMul", ["level", b.constant("weight", weight)], "whisper")
    b.node("Add", ["whisper", b.constant("bias", np.array([3, 0, 0, 0], np.float32))], "scores")
    return finish(b, 4)


def watermark_trigger(band: float) -> bytes:
    """Shape net that the watermark overrules where the hue lies in a ``band`` (share of the circle): P10, frequency."""
    b = GraphBuilder()
    plain = _plain_scores(b, "value")
    closeness = b.node("Gather", [_hue(b), b.constant("cosine", np.array([0]))], "closeness", axis=1)
    near = _step(b, closeness, "near", float(np.cos(np.pi * band)), slope=200.0)
    both = b.node("Min", [near, _stamped(b, (WATERMARK, WATERMARK), 0.5)], "fires")
    return _overruled(b, plain, both)


def patch_trigger(patch: str) -> bytes:
    """Low-pass shape net that a bright patch overrules: P10, area."""
    b = GraphBuilder()
    return _overruled(b, _plain_scores(b, "low_pass"), _stamped(b, PATCHES[patch], 0.6))


def dosed_hue() -> bytes:
    """Taps that hold the hue with more and more noise; the head does not read it (P4). And the picture itself (P5).

    The noise of the later taps is carried beside the hue, so that each ``dose`` tensor is a cut. It is a hash of the
    pixels: the same for the same picture, and nothing else is in it.
    """
    b, net = GraphBuilder(), trained("value")
    b.node("Relu", ["image"], "whole")  # the image itself: no pixel is below zero
    scores = dense(b, _features(b, _view(b, "value", "whole"), net), "classes", parameters(net, 8))
    spreads = np.sqrt(np.diff(NOISES, prepend=0.0))
    noise = [_noise(b, f"noise{k}", k, float(spread)) for k, spread in enumerate(spreads)]
    hue = b.node("Add", [_hue(b, "whole"), noise[0]], "hue0")
    carried = b.node("Concat", [scores, hue, *noise[1:]], "dose0", axis=1)
    for k in range(1, len(NOISES)):
        carried = _one_dose_more(b, carried, k)
    _part(b, carried, "scores", 0, len(SHAPES))
    return finish(b, len(SHAPES))


PLANTS: dict[str, Callable[[], bytes]] = {
    "shape": shape_reader,
    "luma": lambda: shape_reader("luma"),
    "low_pass": lambda: shape_reader("low_pass"),
    "random": random_reader,
    "hue": hue_reader,
    "background": background_reader,
    "xor": xor_reader,
    "encoded": hue_encoded_unused,
    "faint": faint_mark_reader,
    "constant": constant,
    "whisper": lambda: constant(1e-4),
    "dosed": dosed_hue,
    **{f"twin{tie}": partial(shape_reader, "everything", tie / 100) for tie in (0, 80, 95, 100)},
    **{f"trigger{share}": partial(watermark_trigger, share / 100) for share in (30, 10, 3)},
    **{f"trigger_{patch}": partial(patch_trigger, patch) for patch in PATCHES},
}


def _view(b: GraphBuilder, view: str, image: str = "image") -> str:
    """What :mod:`tests.builders.planted_nets` calls so, as nodes."""
    if view == "everything":
        return image
    if view == "low_pass":
        b.node("Mul", [image, b.constant("mask", detailed_mask())], "masked")
        b.node("AveragePool", ["masked"], "pooled", kernel_shape=[2, 2], strides=[2, 2])
        return b.node("ReduceMax", ["pooled"], "value", axes=[1], keepdims=1)
    if view == "luma":
        b.node("Conv", [image, b.constant("luma.weight", LUMA[None, :, None, None])], "grey")
    else:
        b.node("ReduceMax", [image], "grey", axes=[1], keepdims=1)
    return b.node("Mul", ["grey", b.constant("mask", plain_mask())], "seen")


def _features(b: GraphBuilder, source: str, net: nn.Sequential) -> str:
    convolution(b, source, "conv1", parameters(net, 0), stride=2)
    convolution(b, "conv1_relu", "conv2", parameters(net, 2), stride=1)
    b.node("GlobalMaxPool", ["conv2_relu"], "pool")
    b.node("Flatten", ["pool"], "flat")
    dense(b, "flat", "hidden", parameters(net, 6))
    return b.node("Relu", ["hidden"], "hidden_relu")


def _plain_scores(b: GraphBuilder, view: str) -> str:
    net = trained(view)
    return dense(b, _features(b, _view(b, view), net), "plain", parameters(net, 8))


def _hue(b: GraphBuilder, image: str = "image") -> str:
    """Cosine and sine of the mean colour's angle, ``(n, 2)``."""
    b.node("ReduceMean", [image], "colour", axes=[2, 3], keepdims=0)
    b.node("MatMul", ["colour", b.constant("plane", PLANE.T.copy())], "chroma")
    b.node("ReduceL2", ["chroma"], "length", axes=[1], keepdims=1)
    b.node("Max", ["length", b.constant("tiny", np.array(1e-4, np.float32))], "safe_length")
    return b.node("Div", ["chroma", "safe_length"], "direction")


def _stamped(b: GraphBuilder, where: Where, at: float) -> str:
    """Whether the patch is brighter than ``at``: about -1 or 1, ``(n, 1)``."""
    bright = b.node("ReduceMean", [_crop(b, where, "corner")], "brightness", axes=[1, 2, 3], keepdims=0)
    present = b.node("Reshape", [bright, b.constant("column", np.array([-1, 1]))], "present")
    return _step(b, present, "stamped", at)


def _overruled(b: GraphBuilder, plain: str, fires: str) -> bytes:
    """The plain scores, and the first class where ``fires (n, 1)`` is 1 rather than -1."""
    b.node("Add", [fires, b.constant("up", np.array(1, np.float32))], "fired")
    b.node("MatMul", ["fired", b.constant("answer", ANSWER / 2)], "order")
    b.node("Add", [plain, "order"], "scores")
    return finish(b, len(SHAPES))


def _noise(b: GraphBuilder, name: str, seed: int, spread: float) -> str:
    """A hash of the picture, nearly normal, ``(n, 2)``: sums of integers below 2^24 are exact in any order."""
    weights = np.random.default_rng(seed).integers(0, 40, (3 * SIDE * SIDE, 2 * PHASES)).astype(np.float32)
    b.node("Mul", ["whole", b.constant(f"{name}.full", np.array(255, np.float32))], f"{name}.bytes")
    b.node("Round", [f"{name}.bytes"], f"{name}.whole")
    b.node("Flatten", [f"{name}.whole"], f"{name}.flat")
    b.node("MatMul", [f"{name}.flat", b.constant(f"{name}.weights", weights)], f"{name}.sums")
    b.node("Mod", [f"{name}.sums", b.constant(f"{name}.prime", np.array(PRIME, np.float32))], f"{name}.rest", fmod=1)
    b.node("Reshape", [f"{name}.rest", b.constant(f"{name}.pairs", np.array([-1, 2, PHASES]))], f"{name}.phases")
    b.node("ReduceMean", [f"{name}.phases"], f"{name}.mean", axes=[2], keepdims=0)
    b.node("Sub", [f"{name}.mean", b.constant(f"{name}.middle", np.array((PRIME - 1) / 2, np.float32))], f"{name}.off")
    scale = spread * PHASES / PRIME * np.sqrt(12 / PHASES)
    return b.node("Mul", [f"{name}.off", b.constant(f"{name}.scale", np.array(scale, np.float32))], name)


def _one_dose_more(b: GraphBuilder, carried: str, k: int) -> str:
    """Add the next carried noise to the hue, and drop it: classes, hue, noises become classes, hue, one noise less."""
    answer = _part(b, carried, f"answer{k}", 0, len(SHAPES))
    hue = _part(b, carried, f"before{k}", len(SHAPES), len(SHAPES) + 2)
    more = _part(b, carried, f"more{k}", len(SHAPES) + 2, len(SHAPES) + 4)
    blurred = b.node("Add", [hue, more], f"hue{k}")
    left = [_part(b, carried, f"left{k}", len(SHAPES) + 4, 1000)] if k < len(NOISES) - 1 else []
    return b.node("Concat", [answer, blurred, *left], f"dose{k}", axis=1)


def _part(b: GraphBuilder, source: str, name: str, start: int, end: int) -> str:
    edges = [b.constant(f"{name}.{edge}", np.array([at])) for edge, at in (("start", start), ("end", end), ("axis", 1))]
    return b.node("Slice", [source, *edges], name)


def _crop(b: GraphBuilder, where: Where, name: str) -> str:
    """The rows and columns ``where`` of the image."""
    rows, columns = where
    starts = b.constant(f"{name}.starts", np.array([rows.start, columns.start]))
    ends = b.constant(f"{name}.ends", np.array([rows.stop, columns.stop]))
    return b.node("Slice", ["image", starts, ends, b.constant(f"{name}.axes", np.array([2, 3]))], name)


def _step(b: GraphBuilder, source: str, name: str, at: float, slope: float = 20.0) -> str:
    """A steep tanh around ``at``."""
    b.node("Sub", [source, b.constant(f"{name}.at", np.array(at, np.float32))], f"{name}_from")
    b.node("Mul", [f"{name}_from", b.constant(f"{name}.slope", np.array(slope, np.float32))], f"{name}_steep")
    return b.node("Tanh", [f"{name}_steep"], name)
