"""Stage ``invariant``: every reference once more through the classifier, each tap as its invariant view."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``latents`` and ``wide`` as the stage ``latents`` leaves them, of the taps that have an invariant view."""
    raise NotImplementedError
