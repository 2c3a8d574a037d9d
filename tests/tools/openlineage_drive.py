"""Run by the Python of ``.venv/tools/openlineage``: read events as OpenLineage's own client knows them.

Takes a JSON event per line and prints a JSON object per line: ``{"event": …}``, the event written again from the
client's classes, or ``{"refused": "…"}``. Refused: a field that a class lacks, one that it needs, a value of another
type, and a facet that no class of the client is the schema of. Written again, an event has the client's versions of
every schema.
"""

from __future__ import annotations

import json
import pkgutil
import sys
import types
import typing
from importlib import import_module

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import RunEvent
from openlineage.client.facet_v2 import BaseFacet
from openlineage.client.serde import Serde


def schema_name(url: str) -> str:
    return url.rpartition("/")[2]


def known_facets() -> dict[str, type]:
    """Every facet class of the client, by the name of its schema; not the classes that they are made of."""
    names = [found.name for found in pkgutil.iter_modules(generated.__path__) if found.name != "base"]
    modules = [import_module(f"{generated.__name__}.{name}") for name in names]
    made = [thing for module in modules for thing in vars(module).values() if isinstance(thing, type)]
    own = [one for one in made if issubclass(one, BaseFacet) and one.__module__ != BaseFacet.__module__]
    return {schema_name(one._get_schema()): one for one in own}


FACETS = known_facets()


def read(kind: object, value: object) -> object:
    """``value`` as a ``kind``: a class of the client, a list, a mapping, an enumeration or a plain type."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        (known,) = [one for one in inside if one is not types.NoneType]
        return read(known, value)
    if origin is list:
        return [read(inside[0], one) for one in expect(list, value)]
    if origin is dict:
        return {key: read(inside[1], one) for key, one in expect(dict, value).items()}
    if kind is typing.Any:
        return value
    if attr.has(kind):
        return read_class(kind, expect(dict, value))
    return kind(value) if hasattr(kind, "__members__") else expect(kind, value)


def read_class(kind: type, value: dict[str, object]) -> object:
    if issubclass(kind, BaseFacet):
        kind = facet_class(kind, value["_schemaURL"])
    fields = {one.name: one for one in attr.fields(attr.resolve_types(kind))}
    for name in value:
        if name not in fields:
            raise TypeError(f"{kind.__name__} has no {name}")
    given = {fields[name].alias: read(fields[name].type, one) for name, one in value.items() if fields[name].init}
    return kind(**given)


def facet_class(wanted: type, url: str) -> type:
    found = FACETS[schema_name(url)]
    if not issubclass(found, wanted):
        raise TypeError(f"{found.__name__} is no {wanted.__name__}")
    return found


def expect(kind: type, value: object) -> object:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def answer(line: str) -> dict[str, object]:
    try:
        return {"event": Serde.to_dict(read(RunEvent, json.loads(line)))}
    except (TypeError, ValueError, LookupError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(line)))
