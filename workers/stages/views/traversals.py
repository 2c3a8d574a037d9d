"""Stage ``traversals``: single dimensions of the supervised VAE, and swaps of its task block (papers.md 1(c))."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
