"""Projects: a team with its own keys, files, audits and limits; nothing of one is seen from another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from .scalars import Contract, Identifier

DEFAULT_PROJECT: Final = "prj_" + "0" * 24
"""The project that every installation has; rows from before projects are its. Its administrators manage the others."""

MOST = 2**31 - 1
MOST_BYTES = 2**62

ProjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Lower-case letters, digits and hyphens: no name looks like an id."""


class ProjectLimits(Contract):
    """What a project may use; null: as much as there is."""

    max_audits_in_flight: int | None = Field(default=None, ge=0, le=MOST)
    """Audits and comparisons that are queued or running at once."""
    max_gpu_seconds: int | None = Field(default=None, ge=0, le=MOST_BYTES)
    """Seconds of a reserved GPU, over the audits and comparisons of the last 30 days."""
    max_bytes: int | None = Field(default=None, ge=0, le=MOST_BYTES)
    """Bytes of uploads and of what audits left."""
    retention_days: int | None = Field(default=None, ge=1, le=36_500)
    """Audits are removed so many days after they ended."""


class ProjectCreate(ProjectLimits):
    """Body of ``POST /v1/projects``."""

    name: ProjectName


class ProjectChange(ProjectLimits):
    """Body of ``PATCH /v1/projects/{id}``: what is left out stays, null takes a limit away."""


class Project(ProjectLimits):
    """A project and its limits."""

    id: Identifier
    name: ProjectName
    created_at: datetime


class ProjectPage(Contract):
    """Projects, newest first; ``next`` is the cursor of the following page."""

    items: list[Project]
    next: str | None = None


class ProjectUsage(Contract):
    """What a project uses now, beside its limits."""

    project: Identifier
    audits_in_flight: int = Field(ge=0)
    """Audits and comparisons that are queued or running."""
    gpu_seconds: float = Field(ge=0)
    """Of the audits and comparisons that began in the last 30 days."""
    upload_bytes: int = Field(ge=0)
    """Of open and complete uploads; an open one counts what it declared."""
    artifact_bytes: int = Field(ge=0)
    limits: ProjectLimits
