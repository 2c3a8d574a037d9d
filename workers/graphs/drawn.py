"""From a decoder's logits to graphs that are valid by construction."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.graphs.bridges import bridged
from workers.graphs.layers import both
from workers.graphs.packing import Packed
from workers.graphs.vae import Drawn
from workers.graphs.vocabulary import Group, Vocabulary


def most_likely(vocabulary: Vocabulary, drawn: Drawn) -> Packed:
    """Packed graphs ``(batch, m, m, channels)``: at least one node, symmetric edges between nodes that are there.

    Types by arg-max; numbers as they are, of 256 levels. The most likely node is there in any case. Where every
    reference is in one piece, so is what is drawn.
    """
    m, own = vocabulary.size, vocabulary.edges
    present = (drawn.presence > 0) | functional.one_hot(drawn.presence.argmax(dim=1), m).bool()
    nodes = _features(vocabulary.nodes, drawn.nodes) * present[..., None]
    there, likely = _whether(own, drawn.edges)
    edges = _some(own, drawn.edges[..., 1:]) * both(present.float()).long()
    found = torch.zeros(*drawn.edges.shape[:3], vocabulary.channels, dtype=torch.uint8, device=edges.device)
    found[..., own.first :] = edges
    every, here = found.cpu().numpy().copy(), np.arange(m)
    found[..., own.first :] *= there[..., None]
    found[:, here, here, 0] = 255 * present.to(torch.uint8)
    found[:, here, here, vocabulary.nodes.first : vocabulary.nodes.stop] = nodes.to(torch.uint8)
    graphs = found.cpu().numpy()
    return bridged(graphs, likely.cpu().numpy(), every) if vocabulary.whole else graphs


def _features(group: Group, logits: Tensor) -> Tensor:
    """Values 0..255 ``(..., features)``; features that no reference has stay 0."""
    known = _known(group, logits)
    if group.kind == "types":
        best = logits.masked_fill(~known, -torch.inf).argmax(dim=-1)
        return 255 * functional.one_hot(best, len(group)) * known
    return (255 * torch.sigmoid(logits)).round() * known


def _whether(group: Group, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pair whether there is an edge, and by how much one is likelier than none (log odds)."""
    first = logits[..., 0]
    if group.kind == "numbers":
        return first > 0, first
    best = logits[..., 1:].masked_fill(~_known(group, logits), -torch.inf).amax(dim=-1)
    return best > first, best - first


def _some(group: Group, logits: Tensor) -> Tensor:
    """The likeliest edge of each pair, if there is one; never without any feature."""
    values = _features(group, logits)
    if group.kind == "types":
        return values
    largest = functional.one_hot(logits.argmax(dim=-1), len(group))
    return values + largest * (values == 0).all(dim=-1, keepdim=True)


def _known(group: Group, logits: Tensor) -> Tensor:
    known = torch.zeros(len(group), dtype=torch.bool, device=logits.device)
    known[list(group.used)] = True
    return known
