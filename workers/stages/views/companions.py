"""Stage ``companions``: other classifiers, or checkpoints of one, on the same images (papers.md 4(c), V5, V7)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
