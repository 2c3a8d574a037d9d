"""Which stage comes next, and how far a subject is. Pure functions of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from schemas.audits import StageProgress, StageState
from schemas.stages import PlannedStage, Source

FINISHED = (StageState.DONE, StageState.REUSED)


def sources(stage: PlannedStage) -> set[str]:
    """Names of the stages that ``stage`` takes inputs from."""
    return {source.stage for source in stage.inputs.values() if isinstance(source, Source)}


def critical_path(stages: Iterable[PlannedStage]) -> dict[str, float]:
    """Weight from the start of each stage to the end of the subject, along the heaviest chain of its dependents."""
    stages = list(stages)
    dependents: dict[str, list[PlannedStage]] = {stage.name: [] for stage in stages}
    for stage in stages:
        for name in sources(stage):
            dependents.get(name, []).append(stage)
    lengths: dict[str, float] = {}

    def length(stage: PlannedStage) -> float:
        if stage.name not in lengths:
            lengths[stage.name] = stage.weight + max(map(length, dependents[stage.name]), default=0.0)
        return lengths[stage.name]

    return {stage.name: length(stage) for stage in stages}


def startable(stages: Iterable[PlannedStage], done: Set[str], running: Set[str]) -> list[PlannedStage]:
    """Stages whose sources are all done, those on the critical path first."""
    stages = list(stages)
    lengths = critical_path(stages)
    free = [stage for stage in stages if stage.name not in done | running and sources(stage) <= done]
    return sorted(free, key=lambda stage: -lengths[stage.name])


def overall(stages: Iterable[PlannedStage], progress: Mapping[str, StageProgress]) -> float:
    """Share of the subject's weight that is done, 0..1."""
    stages = list(stages)
    total = sum(stage.weight for stage in stages)
    done = sum(stage.weight * progress[stage.name].fraction for stage in stages if stage.name in progress)
    return min(1.0, done / total) if total > 0 else 0.0
