"""Stage ``concepts``: the concept INN ``e`` on the codes (papers.md 2). Depends on the dataset alone."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``concepts``: the network and its factors; ``pairs``: rows that share a concept, for the scores."""
    raise NotImplementedError
