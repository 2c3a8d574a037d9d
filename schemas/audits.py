"""Audits: the request, the state table, progress and events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from .problems import Problem
from .scalars import Contract, Identifier, Name, Probability


class Profile(StrEnum):
    """How much an audit spends: ``quick`` is minutes on two cores, ``full`` is meant for a GPU."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


class AuditConfig(Contract):
    """Everything that changes the numbers of an audit. Same config, files and seed: the same result."""

    profile: Profile = Profile.QUICK
    taps: list[str] | None = Field(default=None, min_length=1, max_length=16)
    seed: int = Field(default=0, ge=0, lt=2**31)


class AuditState(StrEnum):
    """Life of an audit."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return not MOVES[self]


MOVES: dict[AuditState, frozenset[AuditState]] = {
    AuditState.QUEUED: frozenset({AuditState.RUNNING, AuditState.CANCELLED, AuditState.FAILED}),
    AuditState.RUNNING: frozenset({AuditState.QUEUED, AuditState.SUCCEEDED, AuditState.FAILED, AuditState.CANCELLED}),
    AuditState.SUCCEEDED: frozenset(),
    AuditState.FAILED: frozenset(),
    AuditState.CANCELLED: frozenset(),
}
"""The table of allowed moves. ``running -> queued`` is a lost attempt that will be tried again."""


class AuditCreate(Contract):
    """Body of ``POST /v1/audits``."""

    classifier: Identifier
    dataset: Identifier
    name: Name | None = None
    config: AuditConfig = AuditConfig()


class StageState(StrEnum):
    """Life of a stage inside an audit."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"


class StageProgress(Contract):
    """Progress of one stage; ``detail`` is for people."""

    stage: str
    state: StageState
    fraction: Probability = 0.0
    detail: str = ""
    seconds: float | None = None


class Audit(Contract):
    """An audit as the API answers it."""

    id: Identifier
    name: Name
    state: AuditState
    classifier: Identifier
    dataset: Identifier
    config: AuditConfig
    attempt: int
    cancel_requested: bool = False
    progress: Probability = 0.0
    stages: list[StageProgress] = []
    problem: Problem | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class AuditEvent(Contract):
    """One line of ``GET /v1/audits/{id}/events``; ``sequence`` is the SSE id, gapless per audit from 1."""

    sequence: int
    audit: Identifier
    type: Literal["state", "stage"]
    at: datetime
    data: dict[str, Any]


class AuditPage(Contract):
    """A page of audits, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Audit]
    next: str | None = None


class Artifact(Contract):
    """A stored output of an audit."""

    role: str
    key: str
    bytes: int
    media_type: str


class ArtifactList(Contract):
    """Every stored output of an audit."""

    items: list[Artifact]
