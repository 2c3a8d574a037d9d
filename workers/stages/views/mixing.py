"""Stage ``mixing``: the invariances of one image with the representation of another (papers.md 4(c), V8)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    raise NotImplementedError
