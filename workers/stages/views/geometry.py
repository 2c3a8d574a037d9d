"""Stage ``geometry``: maps, neighbours and interpolations of codes, with and without their pose (papers.md 3(b))."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: JSON, one :class:`schemas.results.Gallery` per tap that has an invariant view."""
    raise NotImplementedError
