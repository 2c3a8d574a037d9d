"""Stage ``latents``: every reference image once through ONNX Runtime; one pass yields every tap and the logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

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


def run(context: StageContext) -> Produced:
    """Per tap the compressed values ``z:<tap>``, and ``logits`` and ``probabilities`` float32 ``(n, classes)``.

    Raises:
        StageError: the images do not fit the classifier.
    """
    images = load_references(context).images
    taps = load_taps(context)
    session = open_classifier(context, taps)
    compressors = {tap.name: Compressor(context.budget.condition) for tap in taps}
    parts: list[Arrays] = []
    for shard in stream(session, images, SHARD):
        z = {f"z:{name}": compressors[name](values) for name, values in shard.outputs.taps.items()}
        probabilities = probabilities_of(session, shard.outputs.logits)
        parts.append({**z, "logits": shard.outputs.logits, "probabilities": probabilities})
        context.report(shard.stop / len(images), f"{shard.stop} of {len(images)} images")
    latents = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kept = {name: compressor.kept for name, compressor in compressors.items()}
    return Produced({"latents": pack(latents)}, {"images": len(images), "variance_kept": kept})
