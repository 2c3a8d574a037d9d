"""What a stored schedule says, also where another release wrote it: words that this one does not know are left out."""

from __future__ import annotations

from pydantic import ValidationError

from schemas.schedules import ScheduleCreate
from services.db.automation import ScheduleRow
from services.errors import InvalidSchedule

UNKNOWN = {"cron": "? ? ? ? ?", "dataset": "na_0000000000000000"}
"""Shown where even this cannot be read."""


def body_of(row: ScheduleRow) -> ScheduleCreate:
    """What was asked for.

    Raises:
        InvalidSchedule: this version cannot read it.
    """
    body, why = shown(row)
    if why is not None:
        raise InvalidSchedule(why, "Replace it, or upgrade to the version that wrote it.")
    return body


def shown(row: ScheduleRow) -> tuple[ScheduleCreate, str | None]:
    """What can be read of it, and why that is not all. For showing and settling it, never for beginning an audit."""
    try:
        return ScheduleCreate.model_validate(row.body, extra="ignore"), None
    except ValidationError as error:
        faults = error.errors()
    strange = {fault["loc"][0] for fault in faults if fault["loc"]}
    read = {name: value for name, value in row.body.items() if name not in strange}
    where, what = ".".join(map(str, faults[0]["loc"])), faults[0]["msg"]
    why = f"This version of the service cannot read the schedule: {where}: {what}."
    return ScheduleCreate.model_validate({**UNKNOWN, "name": row.name, **read}, extra="ignore"), why
