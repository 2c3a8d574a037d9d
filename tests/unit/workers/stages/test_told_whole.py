"""Which taps the monotone gate may compare."""

from __future__ import annotations

import pytest

from workers.classifier.selection import Tap
from workers.stages.gates import told_whole


@pytest.mark.parametrize(("shape", "whole"), [((64,), True), ((96,), True), ((97,), False), ((32, 7, 7), False)])
def test_only_taps_that_were_not_squeezed_are_compared(shape: tuple[int, ...], whole: bool) -> None:
    assert told_whole(Tap("a", "a", "hidden", 0.5, "Relu", shape), 96) is whole
