"""``/docs``: the published OpenAPI document as a page, made here: it loads nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from ..errors import PageRoute
from ..pages import page

METHODS = ("get", "post", "put", "patch", "delete")

router = APIRouter(route_class=PageRoute)


@router.get("/docs")
def reference(request: Request) -> Response:
    """Every route, its parameters, bodies and answers, and every schema."""
    document: dict[str, Any] = request.app.openapi()
    context = {"document": document, "groups": grouped(document), "type_of": type_of}
    return page(request, "reference.html.j2", context)


def grouped(document: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Operations by tag, in the order of the document: method, path, operation."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append((method.upper(), path, item[method]))
    return groups


def type_of(schema: dict[str, Any]) -> list[tuple[str, str | None]]:
    """A schema in a few words: pieces of text, each with the schema that it names, if it names one."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return [(name, name)]
    for joined in ("anyOf", "oneOf", "allOf"):
        if joined in schema:
            return _joined([type_of(one) for one in schema[joined]])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return [(" | ".join(f'"{value}"' for value in values), None)]
    if schema.get("type") == "array":
        return [("list of ", None), *type_of(schema.get("items", {}))]
    if isinstance(schema.get("additionalProperties"), dict):
        return [("map of ", None), *type_of(schema["additionalProperties"])]
    return [(str(schema.get("format") or schema.get("type") or "any"), None)]


def _joined(kinds: list[list[tuple[str, str | None]]]) -> list[tuple[str, str | None]]:
    pieces: list[tuple[str, str | None]] = []
    for kind in kinds:
        pieces += [(" or ", None), *kind] if pieces else kind
    return pieces
