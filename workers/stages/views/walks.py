"""Walks along single dimensions of the supervised VAE, drawn by the decoder and judged by the ONNX file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workers.evidence.bootstrap import resampling_weights
from workers.stages.classifying import classify
from workers.stages.decoding import Studio, open_studio
from workers.stages.references import random_rows
from workers.stages.stage import StageContext
from workers.stages.views.appearance import appearance, variance_of_looks
from workers.vae import (
    Block,
    FittedVae,
    Latent,
    Traversal,
    latent_draws,
    latent_means,
    load,
    quantile_steps,
    traverse,
)

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

SHARES = (0.025, 0.18, 0.34, 0.5, 0.66, 0.82, 0.975)
RANKING = 12
AGGREGATE = 2048
ACTIVE = 0.01
"""As :mod:`workers.vae.fit` has it (Burda, Grosse and Salakhutdinov 2016)."""


@dataclass(frozen=True)
class Bench:
    """The VAE and all that is needed to draw from it, ask about it and put numbers on it."""

    context: StageContext
    studio: Studio
    vae: FittedVae
    latent: Latent
    """Posterior means of (at most 2,048 of) the references ``rows``."""
    drawn: Latent
    """One posterior draw of each: where ``z`` lies."""
    rows: Rows
    variance: float
    """Of what references look like (:mod:`workers.stages.views.appearance`)."""

    @property
    def names(self) -> list[str] | None:
        """Names of the classifier's outputs, where it has them."""
        found: list[str] | None = self.context.config["outputs"]
        return found

    def draw(self, codes: torch.Tensor) -> Images:
        """Images of codes ``(..., d)``: ``(..., h, w, c)``."""
        flat = self.studio.decode(codes.reshape(-1, codes.shape[-1]))
        return flat.reshape(*codes.shape[:-1], *flat.shape[1:])

    def ask(self, images: Images) -> Floats:
        """Probabilities ``(..., classes)`` of images ``(..., h, w, c)``, from the uploaded file."""
        found = classify(self.studio.classifier, images.reshape(-1, *images.shape[-3:]))
        return found.reshape(*images.shape[:-3], found.shape[1])

    def weights(self, n: int) -> NDArray[np.float32]:
        """Bootstrap weights over ``n`` images."""
        return resampling_weights(n, self.context.budget.bootstrap, self.context.rng("bootstrap"))


def open_bench(context: StageContext) -> Bench:
    """Open the studio and the VAE, and find where the references lie in its latent.

    Raises:
        CheckpointError: a stored network is damaged.
        StageError: the classifier cannot be opened.
    """
    studio = open_studio(context)
    vae = load(context.blob("vae"))
    rows = random_rows(len(studio.references), AGGREGATE, context.rng("aggregate"))
    codes = studio.means[torch.from_numpy(rows)]
    return Bench(
        context, studio, vae, latent_means(vae.model, codes), latent_draws(vae.model, codes, context.generator("z")),
        rows, max(variance_of_looks(studio.references.images[rows]), 1e-6),
    )  # fmt: skip


@dataclass(frozen=True)
class Walk:
    """One dimension moved on some references ``rows`` ``(n,)``.

    ``originals`` and ``base`` are the answers ``(n, classes)`` to the reference and to the unmoved drawing ``drawn``;
    ``images`` ``(n, steps, h, w, c)`` and ``probabilities`` ``(n, steps, classes)`` those along the walk.
    """

    traversal: Traversal
    rows: Rows
    originals: Floats
    drawn: Images
    base: Floats
    images: Images
    probabilities: Floats

    @property
    def answers(self) -> NDArray[np.int64]:
        """Arg-max along the walk, ``(n, steps)``."""
        return np.asarray(self.probabilities.argmax(axis=-1))

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Where the answer is not that of the unmoved drawing, ``(n, steps)``."""
        return np.asarray(self.answers != self.base.argmax(axis=1)[:, None])

    @property
    def faithful(self) -> NDArray[np.bool_]:
        """Images whose unmoved drawing gets the answer of the original, ``(n,)``."""
        return np.asarray(self.base.argmax(axis=1) == self.originals.argmax(axis=1))

    @property
    def variance(self) -> NDArray[np.float64]:
        """Of what the pictures along the walk look like, ``(n,)``."""
        return np.array([variance_of_looks(walk) for walk in self.images])


def ranked_walks(bench: Bench, block: Block) -> list[Walk]:
    """Walks along the dimensions that move most, strongest first; chosen on other images than they are measured on."""
    budget = bench.context.budget
    order = np.arange(len(bench.rows))
    bench.context.rng("walk", block).shuffle(order)
    chosen, studied = order[:RANKING], order[RANKING:][: max(8, budget.references // 8)]
    steps = quantile_steps(bench.drawn.of(block), torch.tensor(SHARES))
    active = _active(bench, block)
    strengths = _strengths(bench, block, active, steps, chosen)
    best = [active[i] for i in np.argsort(-strengths, kind="stable")[: max(1, budget.rows // 2)]]
    return [_walk(bench, Traversal(block, dimension, steps[:, dimension]), studied) for dimension in best]


def latent_of(bench: Bench, chosen: Rows) -> Latent:
    """Posterior means of the chosen (of the bench's) references."""
    index = torch.from_numpy(chosen)
    return Latent(bench.latent.task[index], bench.latent.nuisance[index])


def _active(bench: Bench, block: Block) -> list[int]:
    variance = bench.latent.of(block).var(dim=0)
    return [int(i) for i in (variance > ACTIVE).nonzero().flatten()]


def _strengths(bench: Bench, block: Block, dimensions: list[int], steps: torch.Tensor, chosen: Rows) -> Floats:
    """How much the two ends differ, per dimension: in looks for the nuisance, in the answer for the task block."""
    latent = latent_of(bench, chosen)
    found = []
    for dimension in dimensions:
        ends = bench.draw(traverse(bench.vae.model, latent, Traversal(block, dimension, steps[[0, -1], dimension])))
        first, last = (appearance(end) if block == "nuisance" else bench.ask(end) for end in (ends[:, 0], ends[:, 1]))
        found.append(float(np.square(first - last).mean()))
    return np.asarray(found, dtype=np.float32)


def _walk(bench: Bench, traversal: Traversal, chosen: Rows) -> Walk:
    latent, rows = latent_of(bench, chosen), bench.rows[chosen]
    with torch.no_grad():
        drawn = bench.draw(bench.vae.model.decode(*latent))
    images = bench.draw(traverse(bench.vae.model, latent, traversal))
    return Walk(traversal, rows, bench.studio.probabilities[rows], drawn, bench.ask(drawn), images, bench.ask(images))
