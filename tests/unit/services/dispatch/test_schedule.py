"""Order and progress are pure functions of the plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audits import StageProgress, StageState
from schemas.stages import PlannedStage, Source
from services.dispatch.schedule import critical_path, overall, startable


def stage(name: str, *after: str, weight: float = 1.0) -> PlannedStage:
    inputs = {source: Source(stage=source, output="out") for source in after}
    return PlannedStage(name=name, title=name, inputs=inputs, weight=weight)


DIAMOND = [stage("a"), stage("short", "a"), stage("long", "a", weight=5.0), stage("end", "short", "long", weight=2.0)]


def test_the_critical_path_is_the_heaviest_chain() -> None:
    assert critical_path(DIAMOND) == {"a": 8.0, "short": 3.0, "long": 7.0, "end": 2.0}


def test_the_critical_path_goes_first() -> None:
    assert [s.name for s in startable(DIAMOND, {"a"}, set())] == ["long", "short"]
    assert [s.name for s in startable(DIAMOND, set(), set())] == ["a"]
    assert [s.name for s in startable(DIAMOND, {"a"}, {"long"})] == ["short"]
    assert startable(DIAMOND, {"a", "short", "long", "end"}, set()) == []


def test_a_source_outside_the_plan_blocks() -> None:
    assert startable([stage("b", "nowhere")], set(), set()) == []


@st.composite
def plans(draw: st.DrawFn) -> list[PlannedStage]:
    count = draw(st.integers(1, 12))
    return [
        stage(
            f"s{number}",
            *(f"s{before}" for before in draw(st.sets(st.integers(0, number - 1))) if number) if number else (),
            weight=draw(st.floats(0.0, 100.0)),
        )
        for number in range(count)
    ]


@given(plans())
def test_any_plan_is_worked_off_and_no_stage_starts_before_its_sources(plan: list[PlannedStage]) -> None:
    done: set[str] = set()
    while len(done) < len(plan):
        first = startable(plan, done, set())[0]
        assert {source.stage for source in first.inputs.values() if isinstance(source, Source)} <= done
        done.add(first.name)
    assert startable(plan, done, set()) == []


@given(plans(), st.floats(0.0, 1.0))
def test_progress_is_a_share(plan: list[PlannedStage], fraction: float) -> None:
    notes = {s.name: StageProgress(stage=s.name, state=StageState.RUNNING, fraction=fraction) for s in plan}
    share = overall(plan, notes)
    assert 0.0 <= share <= 1.0
    if sum(s.weight for s in plan) > 0.001:
        assert share == pytest.approx(fraction, abs=1e-9)


def test_progress_counts_weights() -> None:
    notes = {"long": StageProgress(stage="long", state=StageState.DONE, fraction=1.0)}
    assert overall(DIAMOND, notes) == pytest.approx(5 / 9)
    assert overall([], {}) == 0.0
