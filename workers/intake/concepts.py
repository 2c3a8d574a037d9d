"""Concepts that an upload defines by examples: pairs of references that share one, or two sketches that show it.

Papers.md 2(c), I10: a user names a new concept with two images or a small set of pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.datasets import ConceptFacts
from schemas.problems import ErrorCode
from workers.errors import IntakeError
from workers.graphs.packing import is_graph

from .attributes import NAME_ADVICE, is_usable_name
from .images import SMALLEST_SIDE, fit_array
from .limits import DatasetCaps
from .refusals import refuse, show

Definition = Literal["pairs", "sketch"]
PREFIXES: dict[str, Definition] = {"pairs_": "pairs", "sketch_": "sketch"}
RESERVED = frozenset({"label", "codes", "logits", "residual"})
"""What audits call so themselves: the labels, codes, the last tap and a factor for the rest; besides, what they measure
of images, or of graphs. Listed, not imported: the registries load torch, which has no place beside untrusted files.
"""
MEASURED = frozenset({
    "hue", "saturation", "luminance", "contrast", "sharpness", "position_x", "position_y", "size", "rotation",
})  # fmt: skip
COUNTED = frozenset({"nodes", "edges", "rings", "components", "max degree", "mean degree", "branching"})

PAIR_ADVICE = (
    "Give pairs of row numbers of two different images that share the concept and little else, each pair once "
    "(pairs_NAME: integers of the shape [m, 2])."
)
SKETCH_ADVICE = "Give two different uint8 images that show the concept (sketch_NAME: [2, height, width, channels])."


@dataclass(frozen=True)
class Examples:
    """What defines one concept, as read: integer pairs ``(m, 2)``, or uint8 sketches ``(2, h, w[, c])``."""

    definition: Definition
    values: NDArray[Any]


@dataclass(frozen=True)
class Concepts:
    """Checked concepts in order: facts, and int64 pairs ``(m, 2)`` or uint8 sketches ``(2, h, w, c)``."""

    facts: list[ConceptFacts]
    values: list[NDArray[np.int64] | NDArray[np.uint8]]


def take_concepts(arrays: dict[str, NDArray[Any]]) -> dict[str, Examples]:
    """Moves ``pairs_<concept>`` and ``sketch_<concept>`` out of ``arrays``; one-dimensional arrays are columns.

    Raises:
        IntakeError: ``DATASET_CONCEPTS_INVALID``: a concept has both.
    """
    found: dict[str, Examples] = {}
    for array_name in [name for name, array in arrays.items() if array.ndim != 1]:
        prefix = next((prefix for prefix in PREFIXES if array_name.startswith(prefix)), None)
        if prefix is None:
            continue
        name = array_name.removeprefix(prefix)
        if name in found:
            raise invalid(f"concept {show(name)} has pairs and sketches", "Define it by one of them.")
        found[name] = Examples(PREFIXES[prefix], arrays.pop(array_name))
    return found


def read_concepts(
    found: Mapping[str, Examples], images: NDArray[np.uint8], columns: Collection[str], caps: DatasetCaps
) -> Concepts:
    """Checked concepts of ``images`` ``(n, h, w, c)``; sketches get the size and channels of the images.

    Raises:
        IntakeError: ``DATASET_CONCEPTS_INVALID``: too many concepts, an unusable name or one that is taken, row
            numbers that are not there, pairs of a row with itself, repeated pairs, too few pairs, no two sketches.
    """
    if len(found) > caps.concepts:
        raise invalid(f"there are {len(found)} concepts", f"At most {caps.concepts} are accepted.")
    result = Concepts([], [])
    reserved = RESERVED | (COUNTED if is_graph(images) else MEASURED)
    for name, examples in found.items():
        _check_name(name, columns, reserved)
        if examples.definition == "pairs":
            pairs = _pairs(name, examples.values, len(images), caps)
            result.values.append(pairs)
            result.facts.append(ConceptFacts(name=name, definition="pairs", count=len(pairs)))
        else:
            result.values.append(_sketches(name, examples.values, images, caps))
            result.facts.append(ConceptFacts(name=name, definition="sketch", count=1))
    return result


def invalid(detail: str, advice: str) -> IntakeError:
    """The refusal of a concept."""
    return refuse(ErrorCode.DATASET_CONCEPTS_INVALID, detail, advice)


def _check_name(name: str, columns: Collection[str], reserved: Collection[str]) -> None:
    if not is_usable_name(name):
        raise invalid(f"a concept is called {show(name)}", NAME_ADVICE)
    if name in columns:
        raise invalid(f"{show(name)} is a concept and a column", "Give the concept another name.")
    if name in reserved:
        raise invalid(f"{show(name)} is a concept and what audits call something else", "Give it another name.")


def _pairs(name: str, values: NDArray[Any], images: int, caps: DatasetCaps) -> NDArray[np.int64]:
    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind not in "iu":
        found = f"the type {values.dtype} and the shape {list(values.shape)}"
        raise invalid(f"the pairs of concept {show(name)} have {found}", PAIR_ADVICE)
    if not caps.minimum_pairs <= len(values) <= caps.pairs:
        advice = (
            f"From {caps.minimum_pairs} to {caps.pairs} pairs are accepted; with two images, give them as sketches."
        )
        raise invalid(f"concept {show(name)} has {len(values)} pairs", advice)
    if values.min() < 0 or values.max() >= images:
        detail = f"the pairs of concept {show(name)} name the rows {values.min()} to {values.max()} of {images} images"
        raise invalid(detail, PAIR_ADVICE)
    pairs = values.astype(np.int64)
    if (pairs[:, 0] == pairs[:, 1]).any():
        raise invalid(f"concept {show(name)} has a pair of an image with itself", PAIR_ADVICE)
    if len(np.unique(np.sort(pairs, axis=1), axis=0)) < len(pairs):
        raise invalid(f"concept {show(name)} has a pair twice", PAIR_ADVICE)
    return pairs


def _sketches(name: str, values: NDArray[Any], images: NDArray[np.uint8], caps: DatasetCaps) -> NDArray[np.uint8]:
    if is_graph(images):
        raise invalid(f"concept {show(name)} is sketched, and the references are graphs", PAIR_ADVICE)
    stack = values[..., None] if values.ndim == 3 else values
    if stack.dtype != np.uint8 or stack.ndim != 4 or stack.shape[0] != 2 or stack.shape[3] not in (1, 3):
        found = f"the type {values.dtype} and the shape {list(values.shape)}"
        raise invalid(f"the sketches of concept {show(name)} have {found}", SKETCH_ADVICE)
    height, width = stack.shape[1:3]
    if min(height, width) < SMALLEST_SIDE or height * width > caps.pixels:
        raise invalid(f"the sketches of concept {show(name)} have {height} x {width} pixels", SKETCH_ADVICE)
    fitted = np.stack([fit_array(image, images.shape[1:]) for image in stack])
    if (fitted[0] == fitted[1]).all():
        raise invalid(f"the two sketches of concept {show(name)} are the same image", SKETCH_ADVICE)
    return fitted
