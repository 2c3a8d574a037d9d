"""Stage ``discovered``: factors that nobody named, from the Gaussianised codes (papers.md 2(c), I2)."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``discovered``: directions of the Gaussianised codes by the variance they draw, with what they resemble."""
    raise NotImplementedError
