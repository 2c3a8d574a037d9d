"""Train a graph VAE on graphs alone, then fix the units of its codes and measure what it loses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.graphs.canonical import linked
from workers.graphs.codec import GraphCodec, Latents, Units, latents, render, sorted_flat, told
from workers.graphs.config import GraphVaeConfig
from workers.graphs.layers import diagonal
from workers.graphs.objective import divergence, reconstruction
from workers.graphs.packing import Packed, is_graph, presence
from workers.graphs.positions import positions
from workers.graphs.vae import GraphVae
from workers.graphs.vocabulary import read_vocabulary
from workers.training.loop import FitConfig, History, Progress, fit
from workers.training.randomness import seeded_by

_CARRIES = 0.1
"""As :mod:`workers.autoencoder.fit` has it: less is noise that nothing downstream should have to model."""
_EVALUATIONS = 10
_MOST_HELD_OUT = 1024
_FEWEST = 8


@dataclass(frozen=True)
class Quality:
    """What comes back of graphs that the VAE did not train on, shares in 0..1.

    Attributes:
        exact: graphs whose every node and edge is as it was.
        nodes: nodes (of those that were there) with all of their features.
        edges: pairs of nodes that are joined, before or after, and joined alike in both.
        nll: negative log-likelihood from the mean code, nats per graph.
    """

    exact: float
    nodes: float
    edges: float
    nll: float


@dataclass(frozen=True)
class FittedGraphVae:
    """A trained graph VAE and what was measured on graphs that it did not train on.

    Attributes:
        codec: in eval mode.
        config: as given.
        history: mean loss and held-out negative log-likelihood over the training.
        quality: see there.
        noise_share: per number of a code, ``E[sigma^2] / (Var(mean) + E[sigma^2])``, in [0, 1].
        kl: mean KL of the posterior to the prior, nats per graph.
    """

    codec: GraphCodec
    config: GraphVaeConfig
    history: History
    quality: Quality
    noise_share: tuple[float, ...]
    kl: float


@dataclass(frozen=True)
class _Batch:
    graphs: Tensor
    places: Tensor
    noise: Tensor


def fit_graph_vae(
    graphs: Packed,
    config: GraphVaeConfig,
    generator: torch.Generator,
    on_progress: Progress | None = None,
    device: str | torch.device = "cpu",
) -> FittedGraphVae:
    """Fit a graph VAE; the classifier plays no part.

    Args:
        graphs: packed ``(n, m, m, channels)`` uint8, ``n`` at least 8.
        config: sizes and training.
        generator: on the CPU; decides the split, the initialisation and every draw.
        on_progress: gets the share done, 0..1, and a few words; what it raises ends the fit.
        device: where to train.

    Raises:
        ValueError: these are no packed graphs, or too few.
        TrainingDiverged: the loss is no longer finite.
    """
    if graphs.dtype != np.uint8 or graphs.ndim != 4 or not is_graph(graphs) or len(graphs) < _FEWEST:
        raise ValueError(f"need at least {_FEWEST} packed graphs, got {graphs.dtype} {graphs.shape}")
    train, held_out = _split(graphs, config.held_out, generator)
    with seeded_by(generator):
        model = GraphVae(read_vocabulary(graphs), config).to(device)
    history = fit(
        model, _objective(model, config), _sampler(train, config, device), _loop_config(config), generator,
        held_out=lambda: _nll(model, held_out[:_MOST_HELD_OUT]), on_step=on_progress,
    )  # fmt: skip
    return _measured(model.eval(), config, history, train, held_out)


def _objective(model: GraphVae, config: GraphVaeConfig) -> Callable[[_Batch], Tensor]:
    """Loss of a batch in nats per node: likelihood and KL."""

    def loss(batch: _Batch) -> Tensor:
        mean, log_variance = model.posterior(batch.graphs, batch.places)
        drawn = model.render(mean + batch.noise * (0.5 * log_variance).exp())
        nll = reconstruction(model.vocabulary, batch.graphs, drawn)
        total = nll + config.beta * divergence(mean, log_variance)
        return total.mean() / diagonal(batch.graphs)[..., 0].sum(dim=1).mean().clamp_min(1)

    return loss


def _sampler(graphs: Packed, config: GraphVaeConfig, device: str | torch.device) -> Callable[[torch.Generator], _Batch]:
    places = torch.from_numpy(positions(graphs, config.positions))

    def draw(generator: torch.Generator) -> _Batch:
        rows = torch.randint(len(graphs), (config.batch,), generator=generator)
        shown = torch.from_numpy(graphs[rows.numpy()]).to(device).float() / 255
        noise = torch.randn(config.batch, graphs.shape[1], config.code_dim, generator=generator)
        return _Batch(shown, places[rows].to(device), noise.to(device))

    return draw


def _loop_config(config: GraphVaeConfig) -> FitConfig:
    every = max(1, config.steps // _EVALUATIONS)
    return FitConfig(config.steps, config.learning_rate, 1e-2, warmup=0.05, ema=0.99, evaluate_every=every)


@torch.no_grad()
def _nll(model: GraphVae, graphs: Packed) -> float:
    """From the mean code, nats per graph."""
    found = [
        reconstruction(model.vocabulary, chunk, model.render(model.posterior(chunk, places)[0]))
        for chunk, places in told(model, graphs)
    ]
    return float(torch.cat(found).mean())


def _measured(
    model: GraphVae, config: GraphVaeConfig, history: History, train: Packed, held_out: Packed
) -> FittedGraphVae:
    found = latents(model, train)
    units, share = _units(found)
    kl = float(divergence(found.means, 2 * found.stds.log()).mean())
    quality = _quality(model, held_out)
    kept = tuple(share[units.kept].tolist())
    return FittedGraphVae(GraphCodec(model, units), config, history, quality, kept, kl)


def _units(found: Latents) -> tuple[Units, Tensor]:
    """Units of codes, and the noise share of each of the ``m * d`` numbers."""
    direction = _widest(found.means[found.present])
    means, stds = sorted_flat(found, direction)
    noise, spread = stds.square().mean(dim=0), means.var(dim=0, correction=0)
    share = noise / (noise + spread)
    scale = means.std(dim=0, correction=0).clamp_min(1e-6)
    return Units(direction, means.mean(dim=0), scale, _carrying(share)), share


def _widest(rows: Tensor) -> Tensor:
    """The unit vector ``(d,)`` along which ``rows (k, d)`` vary most: there ties are rarest and order is surest."""
    axis: Tensor = torch.linalg.eigh(torch.cov(rows.T).reshape(rows.shape[1], -1)).eigenvectors[:, -1]
    return axis * torch.where(axis[axis.abs().argmax()] < 0, -1.0, 1.0)


def _carrying(noise_share: Tensor) -> Tensor:
    """Indices of the numbers that carry something: at least two, an even number (flows split codes in halves)."""
    count = int((noise_share < 1 - _CARRIES).sum())
    count = max(2, count - count % 2)
    return noise_share.argsort()[:count].sort().values


def _quality(model: GraphVae, graphs: Packed) -> Quality:
    drawn = render(model, latents(model, graphs).means)
    same = (drawn == graphs).all(axis=3)
    there, here = presence(graphs), np.arange(graphs.shape[1])
    joined = linked(graphs) | linked(drawn)
    nodes = same[:, here, here][there]
    edges = same[joined].mean() if joined.any() else 1.0
    return Quality(float(same.all(axis=(1, 2)).mean()), float(nodes.mean()), float(edges), _nll(model, graphs))


def _split(graphs: Packed, share: float, generator: torch.Generator) -> tuple[Packed, Packed]:
    order = torch.randperm(len(graphs), generator=generator).numpy()
    count = min(len(graphs) - 2, max(2, round(share * len(graphs))))
    return graphs[order[count:]], graphs[order[:count]]
