"""What a fit of the concept INN reads: posteriors, and for every concept pairs with all that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from workers.concepts.pairs import Concept, Examples, draw_pairs, random_pairs, sharing
from workers.flows.fitting import Posteriors

_LARGEST_GROUP = 0.05
"""Explicit pairs that tie together more of the rows than this cannot be kept on one side of a split."""


@dataclass(frozen=True)
class PairSet:
    """Pairs from one part of the rows, one source after the other: each concept in turn, then random pairs.

    ``pairs`` int64 ``(m, 2)``, ``shared`` float32 ``(m, k)``, ``source`` int64 ``(m,)``; ``starts`` and ``counts``
    of the sources that have pairs at all.
    """

    pairs: Tensor
    shared: Tensor
    source: Tensor
    starts: Tensor
    counts: Tensor

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """``(pairs, shared)`` of ``size`` draws, every source equally often."""
        uniform = torch.rand(2, size, generator=generator, device=generator.device).to(self.starts.device)
        which = (uniform[0] * len(self.starts)).long()
        index = self.starts[which] + (uniform[1] * self.counts[which]).long()
        return self.pairs[index], self.shared[index]

    def of(self, source: int) -> Tensor:
        """The pairs of one source, ``(m, 2)``."""
        return self.pairs[self.source == source]

    def every(self) -> tuple[Tensor, Tensor]:
        """All ``(pairs, shared)``."""
        return self.pairs, self.shared


def pair_set(
    concepts: Sequence[Concept], rows: Tensor, each: int, rng: np.random.Generator, device: torch.device
) -> PairSet:
    """At most ``each`` pairs per concept within ``rows``, and as many random ones."""
    inside = rows.cpu().numpy()
    drawn = [draw_pairs(concepts, i, inside, each, rng) for i in range(len(concepts))]
    drawn.append(random_pairs(inside, each, rng))
    shared = [sharing(concepts, pairs, i) for i, pairs in enumerate(drawn)]
    counts = torch.tensor([len(pairs) for pairs in drawn])
    starts = counts.cumsum(0) - counts
    return PairSet(
        torch.from_numpy(np.concatenate(drawn)).to(device),
        torch.from_numpy(np.concatenate(shared).astype(np.float32)).to(device),
        torch.arange(len(drawn)).repeat_interleave(counts).to(device),
        starts[counts > 0].to(device),
        counts[counts > 0].to(device),
    )


def draw_codes(data: Posteriors, pairs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Fresh codes of both sides of ``pairs``, ``(m, d)`` each."""
    codes = data.rows(pairs.T.flatten()).draw(generator)
    return codes[: len(pairs)], codes[len(pairs) :]


def tied_rows(concepts: Sequence[Concept], n: int) -> Tensor | None:
    """Rows that explicit pairs tie together, as group numbers ``(n,)``: a split keeps a group on one side.

    ``None`` when nothing ties rows, or when the groups are too large to split by.
    """
    pairs = [one.pairs for one in concepts if isinstance(one, Examples)]
    if not pairs:
        return None
    ends: NDArray[np.int64] = np.concatenate(pairs)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    largest = int(np.bincount(labels).max())
    return torch.from_numpy(labels.astype(np.int64)) if largest <= _LARGEST_GROUP * n else None
