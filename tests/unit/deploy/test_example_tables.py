"""What the examples print of numbers and of audits."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from deploy.examples.tables import percent, screen, show_audit
from schemas.results import Verdict
from tests.builders import results, symmetries
from workers.evidence.bootstrap import Interval


@pytest.mark.parametrize(
    ("numbers", "places", "expected"),
    [
        ((0.943, 0.931, 0.955), 1, "94.3 (93.1–95.5)"),
        ((-0.0001, -0.004, 0.001), 0, "0 (0–0)"),
        ((1.0, 0.998, 1.0), 1, "100.0 (99.8–100.0)"),
    ],
)
def test_percent(numbers: tuple[float, float, float], places: int, expected: str) -> None:
    assert percent(Interval(*numbers, level=0.95, n=9, method="given"), places) == expected


def test_nothing_measured_is_a_dash() -> None:
    assert percent(None) == "–"


def test_a_pipe_is_wide_enough_for_a_table() -> None:
    assert screen().width >= 120


def test_an_audit_with_a_feature_that_is_pose_alone() -> None:
    found = results.result({"hue": Verdict.ENCODED_UNUSED, "size": Verdict.USED})
    pose = [one.model_copy(update={"pose_only": one.feature == "hue"}) for one in found.findings]
    told = found.model_copy(
        update={
            "findings": pose,
            "symmetries": symmetries.screen(),
            "invariant_views": symmetries.invariant_views(),
        }
    )
    printed = StringIO()
    show_audit("planted", told, ["hue"], Console(file=printed, width=200))
    lines = printed.getvalue().splitlines()
    assert any("hue" in line and "as pose only" in line for line in lines)
    assert not any("size" in line for line in lines)
    assert any("max_filters" in line and "c4" in line for line in lines)
    assert sum("broken" in line for line in lines) == sum(row.state == "broken" for row in told.symmetries)
