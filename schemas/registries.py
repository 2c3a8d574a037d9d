"""Model registries: MLflow tells of a new model version, the service audits it and tells MLflow what came of it."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .audits import AuditConfig
from .classifiers import InputSpec
from .problems import Problem
from .scalars import Contract, Identifier, Name

RegistryUrl = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s/?#@\\]+(/[^\s?#\\]*)?$", max_length=2000)
]
"""Root of an MLflow tracking server: what ``MLFLOW_TRACKING_URI`` holds, without a user or a password."""

Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,4000}$")]
"""Sent to the registry as ``Authorization: Bearer …``."""

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A registered model as its registry names it."""

ModelVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
"""A version as MLflow counts it: 1, 2, 3, …"""

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A name with ``*``, ``?`` and ``[…]`` as the shell knows them, case and all."""


def _not_reserved(alias: str) -> str:
    if re.fullmatch(r"latest|v\d+", alias, re.IGNORECASE):
        raise ValueError("MLflow keeps 'latest' and 'v1', 'v2', … for itself: choose another alias")
    return alias


AliasName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,199}$"), AfterValidator(_not_reserved)
]
"""An alias that MLflow takes."""


class RegistryOptions(Contract):
    """What is done with a new version.

    Every version of a model that ``model_names`` lets through is audited on ``dataset`` with ``config``. ``input`` and
    ``classes`` say how the models are fed, as for a classifier. ``policy`` is checked; ``baseline`` is what its
    ``no_regression_against`` means: a succeeded audit, or ``previous``: the audit of the latest earlier version
    of the same model that passed the policy. ``log_results`` writes metrics, tags, report and result to the registry;
    ``alias_on_pass`` is an alias that follows the newest version whose policy passed.
    """

    model_names: list[Pattern] = Field(default=["*"], min_length=1, max_length=100)
    dataset: Identifier
    input: InputSpec = InputSpec()
    classes: list[str] | None = Field(default=None, max_length=100_000)
    config: AuditConfig = AuditConfig()
    policy: Identifier | None = None
    baseline: Literal["previous"] | Identifier | None = None
    log_results: bool = True
    alias_on_pass: AliasName | None = None


class RegistryCreate(RegistryOptions):
    """Body of ``POST /v1/registries``."""

    name: Name
    kind: Literal["mlflow"] = "mlflow"
    url: RegistryUrl
    token: Token | None = Field(default=None, repr=False)


class RegistryChange(Contract):
    """Body of ``PATCH /v1/registries/{id}``: what is left out stays as it is."""

    disabled: bool | None = None
    token: Token | None = Field(default=None, repr=False)


class Registry(RegistryOptions):
    """A registry as the API answers it: without its secrets. ``events_url`` is what its webhook calls."""

    id: Identifier
    name: Name
    kind: Literal["mlflow"]
    url: str
    has_token: bool
    events_url: str
    disabled_at: datetime | None = None
    created_at: datetime


class RegistryCreated(Registry):
    """The same with the secret of its webhook, shown once: give it to MLflow."""

    secret: str


class RegistryPage(Contract):
    """A page of registries, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Registry]
    next: str | None = None


class VersionState(StrEnum):
    """Life of a version that a registry told of."""

    PENDING = "pending"
    IMPORTED = "imported"
    FAILED = "failed"


class VersionTold(Contract):
    """Body of ``POST /v1/registries/{id}/versions``: a version to audit, as if the registry had told of it."""

    model: ModelName
    version: ModelVersion


class RegistryVersion(Contract):
    """A version that a registry told of and what became of it: a classifier and an audit, or a problem."""

    id: Identifier
    registry: Identifier
    model: str
    version: str
    run_id: str | None = None
    state: VersionState
    classifier: Identifier | None = None
    audit: Identifier | None = None
    problem: Problem | None = None
    created_at: datetime
    finished_at: datetime | None = None


class RegistryVersionPage(Contract):
    """A page of versions, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[RegistryVersion]
    next: str | None = None


class EventAnswer(Contract):
    """The answer to an event: ``accepted`` says whether it begins an audit."""

    accepted: bool
