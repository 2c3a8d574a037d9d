"""The schemas of OpenLineage, and whether an event is valid by them and by those of each of its facets."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[1] / "openlineage"


@cache
def schemas() -> Registry[Any]:
    """Every schema by its id."""
    found = [Resource.from_contents(json.loads(path.read_text())) for path in FOLDER.rglob("*.json")]
    return Registry().with_resources([(resource.id() or "", resource) for resource in found])


def check_event(event: dict[str, Any]) -> None:
    """Raise unless ``event`` is what it says that it is, facets and all. A facet without a schema here is an error."""
    _check(event, event["schemaURL"])
    things = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for facet in [facet for thing in things for facet in thing["facets"].values()]:
        _check(facet, facet["_schemaURL"])


def _check(value: dict[str, Any], schema: str) -> None:
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator({"$ref": schema}, registry=schemas(), format_checker=checker).validate(value)
