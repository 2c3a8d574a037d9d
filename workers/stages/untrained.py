"""Stage ``untrained``: the taps of the same graph with random weights, what any training starts from."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``wide``: as the stage ``latents`` leaves it, with ``probabilities``."""
    raise NotImplementedError
