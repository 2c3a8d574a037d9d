"""Stage ``symmetry``: how each tap answers to each group (papers.md 3(e), M9), and which invariant view it gets."""

from __future__ import annotations

from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """``symmetry``: JSON ``{"symmetries": [Symmetry], "views": [InvariantView]}``; ``galleries``; summary ``views``: the
    names of the taps that have an invariant view.

    Raises:
        StageError: a declared group does not fit the inputs.
    """
    raise NotImplementedError
