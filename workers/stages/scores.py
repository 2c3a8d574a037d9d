"""Stage ``scores``: pair correlation of every concept at every tap, without training (papers.md 2(a), M4)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``scores``: JSON, a list of :class:`schemas.results.ConceptScore` per concept name."""
    raise NotImplementedError
