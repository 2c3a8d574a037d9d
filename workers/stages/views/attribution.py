"""Stage ``attribution``: which pixels and which task dimensions drive a class (papers.md 1(c), S5)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
