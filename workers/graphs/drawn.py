"""From a decoder's logits to graphs that are valid by construction."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from workers.graphs.layers import both
from workers.graphs.vae import Drawn
from workers.graphs.vocabulary import Group, Vocabulary


def most_likely(vocabulary: Vocabulary, drawn: Drawn) -> Tensor:
    """Packed graphs ``(batch, m, m, channels)`` uint8: at least one node, symmetric edges between nodes that are there.

    Types by arg-max; numbers as they are, of 256 levels. The most likely node is there in any case.
    """
    batch, m = drawn.presence.shape
    present = (drawn.presence > 0) | functional.one_hot(drawn.presence.argmax(dim=1), m).bool()
    nodes = _features(vocabulary.nodes, drawn.nodes) * present[..., None]
    edges = (_edges(vocabulary.edges, drawn.edges) * both(present.float())).to(torch.uint8)
    found = torch.zeros(batch, m, m, vocabulary.channels, dtype=torch.uint8, device=drawn.presence.device)
    found[..., vocabulary.edges.first :] = edges
    here = torch.arange(m, device=found.device)
    found[:, here, here, 0] = 255 * present.to(torch.uint8)
    found[:, here, here, vocabulary.nodes.first : vocabulary.nodes.stop] = nodes.to(torch.uint8)
    return found


def _features(group: Group, logits: Tensor) -> Tensor:
    """Values 0..255 ``(..., features)``; features that no reference has stay 0."""
    known = _known(group, logits)
    if group.kind == "types":
        best = logits.masked_fill(~known, -torch.inf).argmax(dim=-1)
        return 255 * functional.one_hot(best, len(group)) * known
    return (255 * torch.sigmoid(logits)).round() * known


def _edges(group: Group, logits: Tensor) -> Tensor:
    if group.kind == "types":
        known = torch.cat([torch.ones_like(_known(group, logits)[:1]), _known(group, logits)])
        best = logits.masked_fill(~known, -torch.inf).argmax(dim=-1)
        return 255 * functional.one_hot(best, 1 + len(group))[..., 1:]
    there = logits[..., :1] > 0
    values = _features(group, logits[..., 1:])
    least = functional.one_hot(values.argmax(dim=-1), len(group)) * (values == 0).all(dim=-1, keepdim=True)
    return (values + least) * there


def _known(group: Group, logits: Tensor) -> Tensor:
    known = torch.zeros(len(group), dtype=torch.bool, device=logits.device)
    known[list(group.used)] = True
    return known
