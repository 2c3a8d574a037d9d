"""Audits: the request, the state table, progress and events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from .policies import Outcome
from .problems import Problem
from .scalars import Contract, Identifier, Name, Probability


class Profile(StrEnum):
    """How much an audit spends: ``quick`` is minutes on two cores, ``full`` is meant for a GPU."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


class View(StrEnum):
    """A part of an audit that can be left out or asked for; each is a few stages of its own."""

    CONCEPTS = "concepts"
    """The concept INN: scores per tap, retention of factors, swaps and resamples with their effect (paper 2)."""
    DISCOVERED = "discovered"
    """Factors that nobody named, from the Gaussianised codes; always there when no concept is."""
    MIXING = "mixing"
    """The invariances of one image with the representation of another (paper 4)."""
    ATTACK = "attack"
    """What each tap makes of an attacked image, beside random noise of the same norm (paper 4)."""
    TRAVERSALS = "traversals"
    """Single dimensions of the supervised VAE, task and nuisance, and swaps of its task block (paper 1)."""
    ATTRIBUTION = "attribution"
    """Which pixels and which task dimensions drive a class, beside a classifier of random weights (paper 1)."""
    SYMMETRY = "symmetry"
    """How symmetric each tap is, and the same measures on views of the taps from which the pose is gone (paper 3)."""


IMAGE_VIEWS = frozenset({View.ATTACK, View.ATTRIBUTION})
"""Views that speak of pixels: audits of graphs have none of them."""


class SymmetryGroup(StrEnum):
    """The closed list of groups that an audit can test: what may be done to an input without making it another one."""

    TRANSLATIONS = "translations"
    """Shifts by whole pixels; what leaves the picture is lost, what enters is background."""
    FLIPS = "flips"
    """Mirroring left to right, top to bottom, and both."""
    C4 = "c4"
    """Quarter turns: exact on square pictures."""
    C8 = "c8"
    """Turns by 45 degrees; those between quarter turns are resampled."""
    SO2 = "so2"
    """Any turn, by a sample of angles; resampled."""
    SCALE = "scale"
    """Zoom about the centre, by a sample of factors; resampled."""
    COLOURS = "colours"
    """Permutations of the colour channels."""
    NODES = "nodes"
    """Permutations of the nodes of a graph."""


class AuditConfig(Contract):
    """Everything that changes the numbers of an audit. Same config, files and seed: the same result.

    ``views``: ``None`` takes what the profile brings. ``outside``: a dataset of images from elsewhere, shown to the
    classifier beside the references (domain shift). ``against``: other classifiers on the same images, in the order
    given: a second model, or checkpoints of a training. ``autoencoder``: the user's own instead of a fitted one.
    ``symmetries``: the groups that the user declares the classifier to respect; ``None`` screens every group that fits
    the inputs, and an empty list none.
    """

    profile: Profile = Profile.QUICK
    taps: list[str] | None = Field(default=None, min_length=1, max_length=16)
    seed: int = Field(default=0, ge=0, lt=2**31)
    views: list[View] | None = Field(default=None, max_length=len(View))
    outside: Identifier | None = None
    against: list[Identifier] = Field(default=[], max_length=16)
    autoencoder: Identifier | None = None
    symmetries: list[SymmetryGroup] | None = Field(default=None, max_length=len(SymmetryGroup))


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
    """Body of ``POST /v1/audits``.

    ``policy`` is checked when the audit has its findings; ``baseline`` is the earlier audit, a succeeded one, that
    ``no_regression_against`` of its rules means.
    """

    classifier: Identifier
    dataset: Identifier
    name: Name | None = None
    config: AuditConfig = AuditConfig()
    policy: Identifier | None = None
    baseline: Identifier | None = None


class Origin(Contract):
    """What began an audit, where no person did: a schedule at its time, or a version that a registry told of."""

    schedule: Identifier | None = None
    due_at: datetime | None = None
    registry: Identifier | None = None
    model: str | None = None
    version: str | None = None


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
    """An audit as the API answers it. ``gate`` is what came of ``policy``, once that is checked."""

    id: Identifier
    name: Name
    state: AuditState
    classifier: Identifier
    dataset: Identifier
    config: AuditConfig
    policy: Identifier | None = None
    baseline: Identifier | None = None
    gate: Outcome | None = None
    origin: Origin | None = None
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
