"""Stage ``untrained``: the taps of the same graph with random weights, what any training starts from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import InputSpec
from workers.classifier.randomised import randomise
from workers.classifier.selection import Tap
from workers.classifier.session import ClassifierSession
from workers.classifier.streaming import stream
from workers.stages.classifying import facts_of, load_taps, probabilities_of
from workers.stages.latents import SHARD, Standardiser, joined
from workers.stages.references import load_references
from workers.stages.stage import Arrays, Produced, StageContext, pack

LARGEST = 1e30
"""Beyond it squares overflow float32; random weights may let activations grow without bound."""


def run(context: StageContext) -> Produced:
    """``wide``: as the stage ``latents`` leaves it, the same rows in the same order, with ``probabilities``.

    Raises:
        StageError: the images do not fit the classifier.
    """
    images = load_references(context).images
    taps = load_taps(context)
    twin = open_twin(context, taps)
    standardisers = {tap.name: Standardiser() for tap in taps}
    parts: list[Arrays] = []
    for shard in stream(twin, images, SHARD):
        wide = {name: standardisers[name](bounded(values)) for name, values in shard.outputs.taps.items()}
        parts.append({**wide, "probabilities": probabilities_of(twin, bounded(shard.outputs.logits))})
        context.report(shard.stop / len(images), f"{shard.stop} of {len(images)} images")
    return Produced({"wide": pack(joined(parts))}, {"images": len(images)})


def open_twin(context: StageContext, taps: list[Tap], number: int = 0) -> ClassifierSession:
    """The audited graph with random weights; ``number`` tells twins apart, and is the same twin in every stage.

    Raises:
        StageError: ONNX Runtime cannot open it.
    """
    seed = context.shared_generator("twin", number).initial_seed()
    model = randomise(context.blob("classifier"), np.random.default_rng(seed))
    spec = InputSpec.model_validate(context.config["input"])
    return ClassifierSession(model, facts_of(context), spec, taps, finite=False)


def bounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Finite values: what overflowed is as large as can be squared, what is no number is 0."""
    finite = np.nan_to_num(values, nan=0.0, posinf=LARGEST, neginf=-LARGEST)
    return np.clip(finite, -LARGEST, LARGEST)
