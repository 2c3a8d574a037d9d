"""Stage ``latents``: every reference image once through ONNX Runtime; one pass yields every tap and the logits.

A tap goes on in two forms. The networks are told a short one: principal components. The probe reads a wide one, every
(pooled) unit standardised by itself: a quiet unit that alone holds a feature has next to no share in the principal
components, and to call its feature ignored would be wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from workers.classifier.selection import describe
from workers.classifier.streaming import stream
from workers.stages.classifying import load_taps, open_classifier, probabilities_of
from workers.stages.references import load_references
from workers.stages.stage import Arrays, Produced, StageContext, pack

SHARD = 1024


class Compressor:
    """A tap's values as a short vector: flat, and projected on its principal components when longer than ``width``.

    Fitted on the first shard (the references are shuffled), so that memory stays bounded by the shard.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.pca: PCA | None = None
        self.kept = 1.0

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, ...) -> (n, at most width)``."""
        flat = values.reshape(len(values), -1)
        if flat.shape[1] <= self.width:
            return flat
        if self.pca is None:
            self.pca = PCA(min(self.width, len(flat)), svd_solver="randomized", random_state=0).fit(flat)
            self.kept = float(self.pca.explained_variance_ratio_.sum())
        return np.asarray(self.pca.transform(flat), dtype=np.float32)


def compressed(compression: Arrays, tap: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A tap's values of *new* images ``(n, ...)``, in the short form that the networks were told: ``(n, k)``.

    ``compression`` is the stage's output of that name.
    """
    flat = values.reshape(len(values), -1)
    if f"components:{tap}" not in compression:
        return flat
    return np.asarray((flat - compression[f"mean:{tap}"]) @ compression[f"components:{tap}"].T, dtype=np.float32)


class Standardiser:
    """A tap's values, flat, each unit with mean 0 and deviation 1 on the first shard; float16, constant units 0."""

    def __init__(self) -> None:
        self.mean: NDArray[np.float32] | None = None
        self.scale: NDArray[np.float32] | None = None

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float16]:
        """``(n, ...) -> (n, units)``, clipped to a range that float16 holds."""
        flat = values.reshape(len(values), -1)
        if self.mean is None or self.scale is None:
            self.mean, deviation = flat.mean(axis=0), flat.std(axis=0)
            tiny = 1e-6 * max(float(np.abs(flat).max(initial=0.0)), 1e-30)
            self.scale = np.where(deviation > tiny, 1 / np.maximum(deviation, tiny), 0).astype(np.float32)
        return np.clip((flat - self.mean) * self.scale, -1e3, 1e3).astype(np.float16)


def run(context: StageContext) -> Produced:
    """``latents``: ``z:<tap>``, ``logits`` and ``probabilities`` float32 ``(n, classes)``; ``wide``: every unit by tap.

    ``zeros:<tap>``, ``rank:<tap>`` ``(1,)``: share of exact zeros in the first shard, and numerical rank of its first
    512 images. ``compression``: ``mean:<tap>`` ``(units,)`` and ``components:<tap>`` ``(k, units)`` of the
    taps that were shortened.

    Raises:
        StageError: the images do not fit the classifier.
    """
    images = load_references(context).images
    taps = load_taps(context)
    session = open_classifier(context, taps)
    compressors = {tap.name: Compressor(context.budget.condition) for tap in taps}
    standardisers = {tap.name: Standardiser() for tap in taps}
    parts: list[Arrays] = []
    wide: list[Arrays] = []
    described: Arrays = {}
    for shard in stream(session, images, SHARD):
        described = described or _described(shard.outputs.taps)
        z = {f"z:{name}": compressors[name](values) for name, values in shard.outputs.taps.items()}
        probabilities = probabilities_of(session, shard.outputs.logits)
        parts.append({**z, "logits": shard.outputs.logits, "probabilities": probabilities})
        wide.append({name: standardisers[name](values) for name, values in shard.outputs.taps.items()})
        context.report(shard.stop / len(images), f"{shard.stop} of {len(images)} images")
    kept = {name: compressor.kept for name, compressor in compressors.items()}
    latents = {**joined(parts), **described}
    outputs = {"latents": pack(latents), "wide": pack(joined(wide)), "compression": pack(compression_of(compressors))}
    return Produced(outputs, {"images": len(images), "variance_kept": kept})


def _described(taps: dict[str, NDArray[np.float32]]) -> Arrays:
    """``zeros:<tap>`` and ``rank:<tap>``, ``(1,)`` each, of taps' values ``(n, ...)``."""
    found = {name: describe(values) for name, values in taps.items()}
    zeros = {f"zeros:{name}": np.array([one.zeros]) for name, one in found.items()}
    return {**zeros, **{f"rank:{name}": np.array([one.rank]) for name, one in found.items()}}


def compression_of(compressors: dict[str, Compressor]) -> Arrays:
    """What :func:`compressed` needs of each tap that was shortened."""
    fitted = {tap: one.pca for tap, one in compressors.items() if one.pca is not None}
    means = {f"mean:{tap}": np.asarray(pca.mean_, dtype=np.float32) for tap, pca in fitted.items()}
    components = {f"components:{tap}": np.asarray(pca.components_, dtype=np.float32) for tap, pca in fitted.items()}
    return {**means, **components}


def joined(parts: list[Arrays]) -> Arrays:
    """Shards one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
