"""Values of command-line options."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import typer
from pydantic import TypeAdapter, ValidationError

from ..datasets import AttributeSpec
from ..scalars import Name

NAME: TypeAdapter[str] = TypeAdapter(Name)


def floats(text: str | None) -> list[float] | None:
    """``0.485,0.456,0.406`` as numbers.

    Raises:
        BadParameter: not numbers.
    """
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 0.485,0.456,0.406") from error


DURATION = re.compile(r"(\d{1,6})([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> int:
    """``90s``, ``10m``, ``24h`` or ``7d`` in seconds.

    Raises:
        BadParameter: not of this form.
    """
    found = DURATION.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time span such as 90s, 10m, 24h or 7d")
    return int(found[1]) * SECONDS[found[2]]


def moment(text: str) -> datetime:
    """``2026-03-28``, ``2026-03-28T12:00Z`` or with any other offset; UTC where none is given.

    Raises:
        BadParameter: not of this form.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-03-28 or 2026-03-28T12:00+01:00") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def class_names(path: Path | None) -> list[str] | None:
    """Class names of a file: a JSON list, or one name per line.

    Raises:
        BadParameter: neither of them.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        names = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    except ValueError as error:
        raise typer.BadParameter(f"{path} is neither a JSON list nor lines of UTF-8 text") from error
    if not names or not all(isinstance(name, str) and name for name in names):
        raise typer.BadParameter(f"{path} must name every class, each in one non-empty line")
    return list(names)


def attributes(texts: list[str]) -> dict[str, AttributeSpec]:
    """``hue=circular:1.0`` and ``sex=categorical`` as declarations.

    Raises:
        BadParameter: not of this form.
    """
    return dict(_attribute(text) for text in texts)


def _attribute(text: str) -> tuple[str, AttributeSpec]:
    name, _, declared = text.rpartition("=")
    kind, colon, period = declared.partition(":")
    try:
        return NAME.validate_python(name), AttributeSpec.model_validate(
            {"kind": kind, "period": float(period) if colon else None}
        )
    except (ValueError, ValidationError) as error:
        raise typer.BadParameter(
            f"{text!r} is not NAME=KIND or NAME=circular:PERIOD, KIND being numeric, categorical or circular"
        ) from error
