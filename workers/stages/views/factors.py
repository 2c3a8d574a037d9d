"""Stage ``factors``: swaps, resamples, interpolations and random walks in one factor, sent back through the file."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
