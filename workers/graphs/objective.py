"""The loss of the graph VAE, in nats per graph."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from workers.graphs.layers import both, diagonal
from workers.graphs.vae import Drawn
from workers.graphs.vocabulary import Group, Vocabulary
from workers.tensors import sum_per_item


def reconstruction(vocabulary: Vocabulary, graphs: Tensor, drawn: Drawn) -> Tensor:
    """Negative log-likelihood of each packed graph ``(batch, m, m, channels)`` in 0..1, ``(batch,)``.

    Presence of every node, features of those that are there, and each edge once.
    """
    on = diagonal(graphs)
    present = on[..., 0]
    there = functional.binary_cross_entropy_with_logits(drawn.presence, present, reduction="none").sum(dim=1)
    own = vocabulary.nodes
    nodes = _features(own, drawn.nodes, on[..., own.first : own.stop])
    edges = _edges(vocabulary.edges, drawn.edges, graphs[..., vocabulary.edges.first :])
    return there + (nodes * present).sum(dim=1) + 0.5 * (edges * both(present)[..., 0]).sum(dim=(1, 2))


def _features(group: Group, logits: Tensor, values: Tensor) -> Tensor:
    """Of each item ``(..., features)``: which type it is, or the cross entropy of each number."""
    if group.kind == "types":
        return -(values * logits.log_softmax(dim=-1)).sum(dim=-1)
    return functional.binary_cross_entropy_with_logits(logits, values, reduction="none").sum(dim=-1)


def _edges(group: Group, logits: Tensor, values: Tensor) -> Tensor:
    """Of each pair ``(..., 1 + features)``: no edge or which type; of numbers whether there is one, and its numbers."""
    there = (values != 0).any(dim=-1, keepdim=True).to(values.dtype)
    if group.kind == "types":
        return -(torch.cat([1 - there, values], dim=-1) * logits.log_softmax(dim=-1)).sum(dim=-1)
    whether = functional.binary_cross_entropy_with_logits(logits[..., :1], there, reduction="none")
    return whether[..., 0] + there[..., 0] * _features(group, logits[..., 1:], values)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(mean, exp(log_variance)) || N(0, I))`` of all latents of a graph: ``(batch, m, d) -> (batch,)``."""
    return sum_per_item(0.5 * (mean.square() + log_variance.exp() - 1 - log_variance))
