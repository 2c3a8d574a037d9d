"""A variational autoencoder of graphs with one latent per node, equivariant under permutations of the nodes.

The encoder is told coordinates of the nodes besides (:mod:`workers.graphs.positions`): a network that treats equal
nodes equally gives the four corners of a square one code, and from that no decoder can tell a side from a diagonal.
The decoder draws the same graph from latents in any order, so nothing has to be matched to compare what it draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.graphs.config import GraphVaeConfig
from workers.graphs.layers import Rounds, diagonal
from workers.graphs.vocabulary import Vocabulary
from workers.tensors import require_shape

_LOG_VARIANCE = (-12.0, 3.0)


@dataclass(frozen=True)
class Drawn:
    """Logits of the decoder: ``presence (batch, m)``, ``nodes (batch, m, features)`` and ``edges`` symmetric.

    ``edges (batch, m, m, 1 + features)``: first that there is no edge (of numbers: that there is one).
    """

    presence: Tensor
    nodes: Tensor
    edges: Tensor


class GraphVae(nn.Module):
    """Gaussian encoder and decoder of packed graphs.

    Args:
        vocabulary: what the channels hold, and how many nodes there is room for.
        config: sizes; only the architecture's fields are read.
    """

    def __init__(self, vocabulary: Vocabulary, config: GraphVaeConfig) -> None:
        super().__init__()
        self.vocabulary, self.code_dim, self.positions = vocabulary, config.code_dim, config.positions
        width, pairs, channels = config.width, config.pair_width, vocabulary.channels
        self.read_nodes = nn.Linear(channels + config.positions, width)
        self.read_pairs = nn.Linear(channels, pairs)
        self.encoder = Rounds(config.encoder_rounds, width, pairs)
        self.posterior_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * config.code_dim))
        self.write_nodes = nn.Sequential(nn.Linear(config.code_dim, width), nn.SiLU(), nn.Linear(width, width))
        self.write_pairs = nn.Linear(width, pairs)
        self.meet = nn.Linear(width, pairs, bias=False)
        self.stand = nn.Linear(config.code_dim, 2 * pairs, bias=False)
        self.apart = nn.Linear(2 * pairs, pairs)
        self.decoder = Rounds(config.decoder_rounds, width, pairs)
        self.node_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1 + len(vocabulary.nodes)))
        self.edge_head = nn.Sequential(nn.LayerNorm(pairs), nn.Linear(pairs, 1 + len(vocabulary.edges)))

    def posterior(self, graphs: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of each node's latent, ``(batch, m, code_dim)`` each; of absent nodes too.

        Args:
            graphs: packed ``(batch, m, m, channels)``, floats in 0..1.
            places: coordinates of the nodes, ``(batch, m, config.positions)``.

        Raises:
            ShapeError: the graphs have another size or other channels.
        """
        m = self.vocabulary.size
        require_shape("graphs", graphs, None, m, m, self.vocabulary.channels)
        on = diagonal(graphs)
        told = torch.cat([on, places], dim=2)
        nodes, _ = self.encoder(self.read_nodes(told), self.read_pairs(graphs), on[..., 0])
        mean, log_variance = self.posterior_head(nodes).chunk(2, dim=2)
        return mean, log_variance.clamp(*_LOG_VARIANCE)

    def render(self, latents: Tensor) -> Drawn:
        """What is drawn from ``latents (batch, m, code_dim)``.

        Raises:
            ShapeError: the latents have another shape.
        """
        require_shape("latents", latents, None, self.vocabulary.size, self.code_dim)
        nodes, stood = self.write_nodes(latents), self.stand(latents)
        one, met = self.write_pairs(nodes), self.meet(nodes)
        pairs = one[:, :, None] + one[:, None] + met[:, :, None] * met[:, None]
        pairs = pairs + self.apart((stood[:, :, None] - stood[:, None]).square())
        nodes, pairs = self.decoder(nodes, pairs, torch.ones_like(latents[..., 0]))
        found, edges = self.node_head(nodes), self.edge_head(pairs)
        return Drawn(found[..., 0], found[..., 1:], (edges + edges.transpose(1, 2)) / 2)
