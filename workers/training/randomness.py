"""Torch's global generator, tied to an explicit one: layers such as dropout can draw from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_by(generator: torch.Generator) -> Iterator[None]:
    """Inside the block global draws (initialisation, dropout) follow from ``generator``; outside nothing changes."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    with torch.random.fork_rng():
        torch.manual_seed(int(seed))
        yield
