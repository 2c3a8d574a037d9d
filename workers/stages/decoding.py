"""The common ground of every stage that makes pictures: decoder, classifier, readers, opened once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.autoencoder import Codec
from workers.classifier.session import ClassifierSession
from workers.oracles import load as load_oracles
from workers.stages.classifying import load_taps, open_classifier
from workers.stages.codec import open_codec
from workers.stages.features import AuditedFeature, Reader, features_of
from workers.stages.oracles import NOTHING
from workers.stages.references import References, load_references
from workers.stages.stage import StageContext


@dataclass(frozen=True)
class Studio:
    """Everything needed to draw an image from a code, read its features, and ask the classifier about it."""

    references: References
    features: list[AuditedFeature]
    means: Tensor
    stds: Tensor
    codec: Codec
    classifier: ClassifierSession
    reader: Reader
    probabilities: NDArray[np.float32]

    def decode(self, codes: Tensor) -> NDArray[np.uint8]:
        """Images ``(n, h, w, c)`` uint8 of standardised codes ``(n, d)``."""
        return self.codec.decode(codes)

    def encode(self, images: NDArray[np.uint8]) -> Tensor:
        """Standardised codes ``(n, d)`` of images ``(n, h, w, c)`` uint8: posterior means."""
        return self.codec.encode(images)[0]

    def redraw(self, rows: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.uint8]:
        """Decodings of one posterior draw per row: what the autoencoder alone changes."""
        index = torch.from_numpy(rows)
        noise = torch.randn(len(rows), self.means.shape[1], generator=generator)
        return self.decode(self.means[index] + self.stds[index] * noise)


def open_studio(context: StageContext, *taps: str) -> Studio:
    """Open everything that the request names; the classifier yields ``taps`` besides its answer.

    Raises:
        CheckpointError: a stored network is damaged.
        StageError: the classifier cannot be opened.
    """
    references = load_references(context)
    features = features_of(context, references)
    stored, codes = context.blob("oracles"), context.arrays("codes")
    oracles = None if stored == NOTHING else load_oracles(stored).model
    codec = open_codec(context.blob("autoencoder"))
    return Studio(
        references=references,
        features=features,
        means=torch.from_numpy(codes["means"]),
        stds=torch.from_numpy(codes["stds"]),
        codec=codec,
        classifier=open_classifier(context, [one for one in load_taps(context) if one.name in taps]),
        reader=Reader(features, oracles, lambda images: codec.encode(images)[0]),
        probabilities=context.arrays("latents")["probabilities"],
    )
