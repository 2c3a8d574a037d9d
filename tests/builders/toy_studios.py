"""A studio whose images, codes and invertible network are known in closed form: nothing is trained.

An image has a square whose balance of red and blue is code 0, and a stripe as bright as code 1 says; the rest is black.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from schemas.results import FeatureSource
from schemas.stages import StageRequest
from tests.builders.subjects import MemoryStore
from workers.classifier.session import ClassifierSession
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.flows.inn import ConditionalINN, InnConfig
from workers.stages.decoding import Studio
from workers.stages.features import AuditedFeature, Reader
from workers.stages.references import References
from workers.stages.stage import StageContext

SQUARE = (slice(2, 6), slice(1, 5))
STRIPE = (slice(None), 7)
TINY = 1e-8


class Renderer:
    """A codec in closed form."""

    def decode(self, codes: Tensor) -> np.ndarray:
        images = np.zeros((len(codes), 8, 8, 3), np.uint8)
        balance, brightness = (np.rint(60 * np.tanh(codes[:, i].numpy())) for i in (0, 1))
        images[:, SQUARE[0], SQUARE[1], 0] = (128 + balance)[:, None, None]
        images[:, SQUARE[0], SQUARE[1], 2] = (128 - balance)[:, None, None]
        images[:, STRIPE[0], STRIPE[1]] = (128 + brightness)[:, None, None]
        return images

    def encode(self, images: np.ndarray) -> tuple[Tensor, Tensor]:
        pixels = images[:, 3, (2, 7), 0].astype(np.float32)
        means = torch.from_numpy(np.arctanh(np.clip((pixels - 128) / 60, -0.999, 0.999)))
        return means, torch.full_like(means, 0.01)


class Balance(Reader):
    """Reads the feature ``balance`` (code 0) from images."""

    def __init__(self, features: list[AuditedFeature]) -> None:
        super().__init__(features, None)

    def encoded(self, images: np.ndarray, features: Any = None) -> dict[str, np.ndarray]:
        balance = Renderer().encode(images)[0][:, 0].numpy().astype(np.float64)
        return {"balance": self.features[0].encoding.encode(balance)}


def planted_inn(weight: Tensor, covariance: Tensor) -> ConditionalINN:
    """``p(code | z) = N(weight z, covariance)``; weight ``(d, k)``."""
    inn = ConditionalINN(len(weight), (weight.shape[1],), InnConfig(blocks=1, hidden=4, context=4, embed_width=4))
    inn.summary.basis.copy_(torch.eye(weight.shape[1]))
    inn.whitening.set_moments(weight, torch.zeros(len(weight)), covariance)
    return inn.eval()


def studio(n: int = 200, seed: int = 0) -> Studio:
    """``n`` references with standard normal codes; classifier there is none."""
    codes = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
    column = FeatureColumn("balance", "numeric", codes[:, 0].double().numpy())
    features = [AuditedFeature("balance", FeatureSource.MEASURED, column, fit_encoding(column))]
    answers = (codes[:, 1] > 0).long()
    return Studio(
        references=References(Renderer().decode(codes), None, ()),
        features=features,
        means=codes,
        stds=torch.full_like(codes, 0.01),
        codec=Renderer(),
        classifier=cast(ClassifierSession, None),
        reader=Balance(features),
        probabilities=np.eye(2, dtype=np.float32)[answers.numpy()],
    )


def context(name: str, arrays: dict[str, bytes] | None = None, **config: Any) -> StageContext:
    """One stage's request on a store in memory; inputs by name."""
    store = MemoryStore()
    inputs = {key: store.put(data) for key, data in (arrays or {}).items()}
    request = StageRequest(name=name, inputs=inputs, config={"profile": "quick", **config}, seed=0)
    return StageContext(request, store, lambda _fraction, _words: None)
