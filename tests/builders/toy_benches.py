"""A supervised VAE and a classifier in closed form, on the images of :mod:`tests.builders.toy_studios`.

The classifier looks at the stripe alone (code 1), the task block is code 1, the nuisance block is code 0 (the square).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from schemas.classifiers import InputSpec
from tests.builders import onnx_graphs, toy_studios
from tests.builders.classifiers import accepted
from workers.classifier.session import ClassifierSession
from workers.stages.classifying import classify
from workers.stages.inn import dump_inn
from workers.stages.stage import pack
from workers.stages.views.walks import Bench
from workers.training.loop import History
from workers.vae import FittedVae, Latent, Leakage, NuisancePosterior, SupervisedVae, VaeConfig


class _Encoder(nn.Module):
    """``z_s`` is code 1, ``z_n`` code 0, both known exactly."""

    def forward(self, codes: Tensor) -> Tensor:
        return torch.cat([codes.flip(1), torch.full_like(codes, -10.0)], dim=1)


class _Decoder(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return z.flip(1)


def stripe_classifier(gain: float = 40.0) -> onnx.ModelProto:
    """Class 1 when the stripe is brighter than 128; nothing else is looked at."""
    weight = np.zeros((3, 8, 8), np.float32)
    weight[:, :, 7] = gain / 24
    flat = weight.reshape(-1)
    b = onnx_graphs.GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.node("MatMul", ["flat", b.constant("w", np.stack([-flat, flat], axis=1))], "seen")
    middle = np.array([1, -1], np.float32) * np.float32(gain * 128 / 255)
    b.node("Add", ["seen", b.constant("b", middle)], "scores")
    return b.build(("batch", 3, 8, 8), 2)


def vae(codes: Tensor) -> FittedVae:
    """The exact split, with a head that follows the stripe."""
    config = VaeConfig(task_dim=1, nuisance_dim=1, width=4)
    model = SupervisedVae(2, 2, config)
    model.encoder, model.decoder = _Encoder(), _Decoder()  # type: ignore[assignment]
    model.head.weight.data = torch.tensor([[-3.0], [3.0]])
    model.head.bias.data.zero_()
    nuisance = NuisancePosterior(codes[:, :1].clone(), torch.full((len(codes), 1), 1e-3))
    return FittedVae(model.eval(), nuisance, config, History(), 1.0, Leakage(0.5, 0.5, 200), 1.0, 1, 1)


def bench(name: str = "traversals", **config: Any) -> Bench:
    """All of it, with what the attribution stage reads besides; 200 references."""
    facts, model = accepted(stripe_classifier())
    session = ClassifierSession(model, facts, InputSpec())
    studio = toy_studios.studio()
    studio = replace(studio, classifier=session, probabilities=classify(session, studio.references.images))
    inn = toy_studios.planted_inn(torch.tensor([[0.0], [1.0]]), torch.diag(torch.tensor([1.0, toy_studios.TINY])))
    arrays = {"classifier": model, "inn": dump_inn(inn), "latents": pack({"z:logits": studio.means[:, 1:].numpy()})}
    spec = {"facts": facts.model_dump(mode="json"), "input": InputSpec().model_dump(mode="json"), "outputs": None}
    latent = Latent(studio.means[:, 1:], studio.means[:, :1])
    pixels = float(studio.references.images.astype(np.float32).var(axis=0, ddof=1).mean())
    return Bench(
        toy_studios.context(name, arrays, **{**spec, **config}), studio, vae(studio.means), latent, latent,
        np.arange(200), pixels,
    )  # fmt: skip
