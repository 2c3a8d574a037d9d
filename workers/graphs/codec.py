"""Graphs as vectors and back: the latents of the nodes, sorted, one after the other (papers.md 3(a), a cross section).

Renumbering the nodes permutes the rows of the latents and nothing else, so sorting the rows by a fixed projection gives
one code for all numberings of a graph; and as the decoder draws the same graph from rows in any order, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.graphs.drawn import most_likely
from workers.graphs.packing import Packed
from workers.graphs.positions import positions
from workers.graphs.vae import GraphVae

BATCH = 512


@dataclass(frozen=True)
class Latents:
    """What the encoder says of each node, in the order of the graph: ``means`` and ``stds (n, m, d)``.

    ``present``: ``(n, m)`` bool.
    """

    means: Tensor
    stds: Tensor
    present: Tensor


@dataclass(frozen=True)
class Units:
    """How rows become a code: sorted along ``direction (d,)``, flat, standardised, and without idle numbers.

    ``location`` and ``scale``: ``(m * d,)``; ``kept``: which of the ``m * d`` numbers a code holds.
    """

    direction: Tensor
    location: Tensor
    scale: Tensor
    kept: Tensor


@dataclass(frozen=True)
class GraphCodec:
    """The fitted graph VAE as a codec of :class:`workers.autoencoder.codec.Codec`."""

    model: GraphVae
    units: Units

    def encode(self, images: Packed) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the codes of packed graphs ``(n, m, m, channels)``, ``(n, k)`` float32."""
        found = latents(self.model, images)
        means, stds = (flat[:, self.units.kept] for flat in sorted_flat(found, self.units.direction))
        scale = self.units.scale[self.units.kept]
        return (means - self.units.location[self.units.kept]) / scale, stds / scale

    def decode(self, codes: Tensor) -> Packed:
        """Valid packed graphs ``(n, m, m, channels)`` of standardised codes ``(n, k)``."""
        raw = self.units.location.repeat(len(codes), 1)
        kept = self.units.kept
        raw[:, kept] = codes.float() * self.units.scale[kept] + self.units.location[kept]
        return render(self.model, raw.reshape(len(codes), self.model.vocabulary.size, -1))


@torch.no_grad()
def latents(model: GraphVae, graphs: Packed) -> Latents:
    """Latents of the nodes of packed graphs ``(n, m, m, channels)``, on the CPU."""
    pairs = [model.posterior(chunk, places) for chunk, places in told(model, graphs)]
    means, log_variances = (torch.cat(parts).cpu() for parts in zip(*pairs, strict=True))
    present = torch.from_numpy(np.ascontiguousarray(np.diagonal(graphs[..., 0], axis1=1, axis2=2) > 127))
    return Latents(means, (0.5 * log_variances).exp(), present)


@torch.no_grad()
def render(model: GraphVae, latents: Tensor) -> Packed:
    """Packed graphs of raw ``latents (n, m, d)``: node ``i`` is what row ``i`` says."""
    device = next(model.parameters()).device
    chunks = [most_likely(model.vocabulary, model.render(rows.to(device))) for rows in torch.split(latents, BATCH)]
    return np.concatenate(chunks)


def told(model: GraphVae, graphs: Packed) -> Iterator[tuple[Tensor, Tensor]]:
    """In batches, what the encoder reads: graphs in 0..1 and the coordinates of their nodes."""
    device = next(model.parameters()).device
    for start in range(0, len(graphs), BATCH):
        chunk = graphs[start : start + BATCH]
        places = torch.from_numpy(positions(chunk, model.positions))
        yield torch.from_numpy(np.ascontiguousarray(chunk)).to(device).float() / 255, places.to(device)


def sorted_flat(found: Latents, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Means and stds ``(n, m * d)`` with the rows sorted along ``direction``, largest first, absent nodes last."""
    keys = (found.means @ direction).masked_fill(~found.present, -torch.inf)
    order = keys.argsort(dim=1, descending=True, stable=True)[..., None].expand_as(found.means)
    return found.means.gather(1, order).flatten(1), found.stds.gather(1, order).flatten(1)
