"""What MLflow's webhooks tell. Only the name and the version are believed: all else is asked of the registry itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.registries import VersionTold
from services.errors import InvalidRequest


class Envelope(BaseModel):
    """What every event has; later versions of MLflow may add to it."""

    entity: str
    action: str
    data: dict[str, Any]


def told_version(body: bytes) -> VersionTold | None:
    """The version that an event says was created; ``None`` for every other event.

    Raises:
        InvalidRequest: the body is not an event of MLflow.
    """
    try:
        event = Envelope.model_validate_json(body)
        if (event.entity, event.action) != ("model_version", "created"):
            return None
        return VersionTold(model=event.data.get("name", ""), version=str(event.data.get("version", "")))
    except ValidationError as error:
        raise InvalidRequest("The body is not an event of MLflow 3.", "Let MLflow's own webhook call this.") from error
