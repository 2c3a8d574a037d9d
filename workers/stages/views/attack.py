"""Stage ``attack``: what each tap makes of an attacked image, beside noise of the same norm (papers.md 4(c), V6)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
