"""Size and training of the graph VAE."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Profile = Literal["quick", "standard", "thorough"]


@dataclass(frozen=True)
class GraphVaeConfig:
    """What to build and how long to train.

    Attributes:
        code_dim: latent dimensions of one node.
        positions: coordinates of each node that the encoder is told.
        width: of the state of a node.
        pair_width: of the state of a pair of nodes.
        encoder_rounds: rounds of messages that the encoder sends.
        decoder_rounds: and the decoder.
        steps: optimiser steps.
        batch: graphs per step.
        learning_rate: peak.
        beta: weight of the KL term; 1 is the ELBO.
        held_out: share of the graphs kept for measuring.
    """

    code_dim: int = 8
    positions: int = 6
    width: int = 64
    pair_width: int = 24
    encoder_rounds: int = 2
    decoder_rounds: int = 2
    steps: int = 1_400
    batch: int = 64
    learning_rate: float = 6e-3
    beta: float = 0.05
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if min(self.code_dim, self.steps, self.encoder_rounds, self.decoder_rounds) < 1 or self.batch < 2:
            raise ValueError("need code_dim, rounds and steps >= 1 and batch >= 2")
        if not 0 < self.held_out < 1:
            raise ValueError("held_out must be inside (0, 1)")

    @classmethod
    def for_graphs(cls, nodes: int, profile: Profile = "quick") -> GraphVaeConfig:
        """Defaults for graphs of up to ``nodes`` nodes.

        Quick is sized for about 40 seconds of one CPU core for 5,000 graphs of 9 nodes; of larger ones a batch holds
        fewer, since work and memory grow with the pairs of nodes.
        """
        chosen = replace(cls(), **_PROFILE[profile])
        fits = max(_SMALLEST_BATCH, chosen.batch * _SMALL**2 // max(nodes, 1) ** 2)
        return replace(chosen, batch=min(chosen.batch, fits))

    def as_header(self) -> dict[str, Any]:
        """JSON-ready; ``GraphVaeConfig(**header)`` is the inverse."""
        return asdict(self)


_SMALL = 16
"""Graphs of up to this many nodes come in batches of full size."""
_SMALLEST_BATCH = 8
_PROFILE: dict[str, dict[str, Any]] = {
    "quick": {},
    "standard": {"steps": 8_000, "width": 96, "pair_width": 32, "encoder_rounds": 3, "decoder_rounds": 3,
                 "learning_rate": 3e-3},
    "thorough": {"steps": 40_000, "width": 192, "pair_width": 64, "encoder_rounds": 4, "decoder_rounds": 4,
                 "batch": 256, "learning_rate": 1.5e-3},
}  # fmt: skip
