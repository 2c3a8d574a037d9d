"""Networks on dense graphs that do not care for the order of nodes: states of nodes and of pairs of nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.tensors import require_shape


class MessagePassing(nn.Module):
    """One round of messages along all pairs of nodes, with states of nodes and of pairs (Battaglia et al. 2018).

    Permuting the nodes permutes what comes out and changes nothing else: every pair is treated by the same network, and
    a node adds up what it hears. Symmetric states of pairs stay symmetric.

    Args:
        width: of the state of a node.
        pair_width: of the state of a pair.
    """

    def __init__(self, width: int, pair_width: int) -> None:
        super().__init__()
        self.before, self.after, self.pair_norm = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(pair_width)
        self.sender = nn.Linear(width, pair_width)
        self.receiver = nn.Linear(width, pair_width, bias=False)
        self.pair = nn.Linear(pair_width, pair_width, bias=False)
        self.gather = nn.Linear(pair_width, width)
        self.mix = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.remember = nn.Linear(pair_width, pair_width)

    def forward(self, nodes: Tensor, pairs: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """New states of nodes ``(batch, m, width)`` and pairs ``(batch, m, m, pair_width)``.

        Args:
            nodes: states ``(batch, m, width)``.
            pairs: states ``(batch, m, m, pair_width)``, of the nodes ``i`` and ``j``.
            present: ``(batch, m)``, 1 where there is a node: only such send and are heard.

        Raises:
            ShapeError: the shapes do not fit each other.
        """
        batch, m, _ = nodes.shape
        require_shape("pairs", pairs, batch, m, m, self.pair.in_features)
        require_shape("present", present, batch, m)
        rested = self.before(nodes)
        heard = self.pair(self.pair_norm(pairs)) + self.sender(rested)[:, None] + self.receiver(rested)[:, :, None]
        messages = nn.functional.silu(heard) * both(present)
        nodes = nodes + self.gather(messages.sum(dim=2) * m**-0.5)
        nodes = nodes + self.mix(self.after(nodes))
        return nodes, pairs + self.remember(messages + messages.transpose(1, 2))


class Rounds(nn.Module):
    """Several rounds of :class:`MessagePassing`, one after the other."""

    def __init__(self, rounds: int, width: int, pair_width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MessagePassing(width, pair_width) for _ in range(rounds))

    def forward(self, nodes: Tensor, pairs: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`MessagePassing.forward`."""
        for layer in self.layers:
            nodes, pairs = layer(nodes, pairs, present)
        return nodes, pairs


class GraphTrunk(nn.Module):
    """A vector for a whole packed graph, the same for every order of its nodes.

    Args:
        channels: of the packed graphs.
        features: length of the vector.
        width: of the state of a node; that of a pair is half of it.
        rounds: of messages.
    """

    def __init__(self, channels: int, features: int, width: int = 64, rounds: int = 3) -> None:
        super().__init__()
        self.nodes, self.pairs = nn.Linear(channels, width), nn.Linear(channels, width // 2)
        self.rounds = Rounds(rounds, width, width // 2)
        self.out = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, features), nn.SiLU())

    def forward(self, graphs: Tensor) -> Tensor:
        """``(batch, features)`` of packed graphs ``(batch, m, m, channels)``, floats in 0..1."""
        on, present = diagonal(graphs), diagonal(graphs)[..., 0]
        nodes, _ = self.rounds(self.nodes(on), self.pairs(graphs), present)
        alive = nodes * present[..., None]
        total = alive.sum(dim=1)
        return torch.as_tensor(self.out(torch.cat([total / 3, total / present.sum(1, keepdim=True).clamp_min(1)], 1)))


def diagonal(graphs: Tensor) -> Tensor:
    """What packed graphs ``(batch, m, m, channels)`` say of nodes, ``(batch, m, channels)``."""
    return graphs.diagonal(dim1=1, dim2=2).transpose(1, 2)


def both(present: Tensor) -> Tensor:
    """1 for each pair of two different nodes that are there: ``(batch, m) -> (batch, m, m, 1)``."""
    away = 1 - torch.eye(present.shape[1], device=present.device)
    return (present[:, :, None] * present[:, None, :] * away)[..., None]
