"""Stage ``concepts``: the concept INN ``e`` on the codes (papers.md 2). Depends on the dataset alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.datasets import ConceptFacts
from workers.autoencoder.augmentation import jitter
from workers.concepts.checkpoint import save
from workers.concepts.discovered import resemblance
from workers.concepts.fitting import fit_concepts
from workers.concepts.model import RESIDUAL
from workers.concepts.pairs import Attribute, Concept, Examples, draw_pairs, varies
from workers.concepts.sketch import sketch_concept
from workers.stages.codec import open_codec
from workers.stages.features import AuditedFeature, features_of
from workers.stages.inn import EFFORT
from workers.stages.references import References, load_references
from workers.stages.stage import Arrays, Produced, StageContext, pack

SCORED_PAIRS = 4000
FEW_PAIRS = 100
AUGMENTED = 128
BRIGHTER = 0.1
"""Augmentations of a sketch: at most this much brighter or darker, besides a small shift, turn, size and shear."""


def run(context: StageContext) -> Produced:
    """``concepts``: the network and its factors; ``pairs``: rows that share a concept, for the scores.

    ``pairs`` holds ``pairs:<i>`` int64 ``(m, 2)`` for the i-th of ``names`` (JSON as uint8): every concept of which
    there is more than one value, whether or not it found room in the network.

    Raises:
        TrainingDiverged: a loss or score is not finite.
    """
    codes = context.arrays("codes")
    means, stds = torch.from_numpy(codes["means"]), torch.from_numpy(codes["stds"])
    concepts = named_concepts(context, load_references(context), means)
    result = fit_concepts(
        means, stds, concepts, EFFORT[context.budget.name], context.generator(), device=context.device,
        on_progress=context.report,
    )  # fmt: skip
    fitted = result.fitted
    summary = {
        "nll": fitted.nll, "nll_linear": fitted.nll_linear, "best_step": result.history.best_step,
        "left_out": list(result.left_out), "within": {one.name: one.within for one in fitted.concepts},
    }  # fmt: skip
    return Produced({"concepts": save(fitted), "pairs": pack(scored_pairs(context, concepts, len(means)))}, summary)


def named_concepts(context: StageContext, references: References, means: Tensor) -> list[Concept]:
    """Attribute columns and the label, then what the upload defines by examples, in the order of the request."""
    columns = columns_of(context, references)
    found: dict[str, Concept] = {one.name: attribute(one) for one in columns}
    facts = [ConceptFacts.model_validate(one) for one in context.config["concepts"]]
    encoded = {one.name: one.encoding.encode(one.column.values) for one in columns}
    for one, shown in zip(facts, references.concepts, strict=True):
        if one.name not in found:
            found[one.name] = _beside(example(context, one.name, shown, means), encoded)
    return [one for one in found.values() if one.name != RESIDUAL]


def columns_of(context: StageContext, references: References) -> list[AuditedFeature]:
    """What attribute columns and the label name."""
    named = [one for one in features_of(context, references) if one.source == "attribute"]
    return [one for one in named if one.column.kind != "vector"]


def attribute(feature: AuditedFeature) -> Attribute:
    """A column as a concept."""
    column = feature.column
    if column.kind == "vector":
        raise ValueError(f"{feature.name}: a vector has no order and no classes to share")
    return Attribute(feature.name, column.kind, column.values, column.period)


def example(context: StageContext, name: str, shown: NDArray[Any], means: Tensor) -> Concept:
    """A concept from pairs of rows ``(m, 2)``, or from two sketches ``(2, h, w, c)``."""
    if shown.ndim == 2:
        few = f"Only {len(shown)} pairs of references define it: the factor holds what these pairs happen to share."
        return Examples(name, shown.astype(np.int64), caution=few if len(shown) < FEW_PAIRS else None)
    codec = open_codec(context.blob("autoencoder"))
    generator = context.generator("sketch", name)
    first, second = (codec.encode(augmented(image, generator))[0] for image in shown)
    return sketch_concept(name, means, first, second, context.rng("sketch", name))


def _beside(concept: Concept, columns: Mapping[str, NDArray[np.float64]]) -> Concept:
    """A sketched concept that resembles a named attribute says so: its pairs randomise that attribute."""
    if isinstance(concept, Examples):
        return concept
    like, r = resemblance(concept.values, columns)
    if like is None:
        return concept
    said = f"{concept.caution} It resembles {like} (r {r:.2f}), which has a factor of its own: this one holds the rest."
    return replace(concept, caution=said)


def augmented(image: NDArray[np.uint8], generator: torch.Generator) -> NDArray[np.uint8]:
    """The image ``(h, w, c)`` and small changes of it, ``(m, h, w, c)``."""
    copies = torch.from_numpy(image).permute(2, 0, 1).float().repeat(AUGMENTED, 1, 1, 1)
    gain = 1 + BRIGHTER * (2 * torch.rand(AUGMENTED, 1, 1, 1, generator=generator) - 1)
    changed = (jitter(copies, generator) * gain).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return np.concatenate([image[None], changed[1:]])


def scored_pairs(context: StageContext, concepts: list[Concept], n: int) -> Arrays:
    """Pairs of every concept that varies, over all references."""
    rows, rng = np.arange(n, dtype=np.int64), context.rng("pairs")
    drawn = {
        one.name: draw_pairs(concepts, i, rows, min(n, SCORED_PAIRS), rng)
        for i, one in enumerate(concepts) if varies(one)
    }  # fmt: skip
    names = np.frombuffer(json.dumps(list(drawn)).encode(), np.uint8)
    return {"names": names, **{f"pairs:{i}": pairs for i, pairs in enumerate(drawn.values())}}


def pairs_by_name(stored: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int64]]:
    """The output ``pairs`` as pairs ``(m, 2)`` by concept name, in order."""
    names = json.loads(bytes(stored["names"]))
    return {name: stored[f"pairs:{i}"] for i, name in enumerate(names)}
