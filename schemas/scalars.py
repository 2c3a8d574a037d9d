"""Scalar types that every contract shares, and the frozen base model."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ObjectKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9/_.\-]{0,511}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}_[0-9a-z]{16,40}$")]
"""A prefixed public id: ``upl_``, ``clf_``, ``dat_``, ``aut_``, ``aud_``, ``key_``."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A name chosen by a user. Hostile input wherever it is shown."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Contract(BaseModel):
    """Base of every model: immutable, and an unknown field is an error, not a typo that passes."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")
