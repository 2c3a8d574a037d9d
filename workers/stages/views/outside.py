"""Stage ``outside``: images from elsewhere, shown to the classifier beside the references (papers.md 4(c), V11)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
