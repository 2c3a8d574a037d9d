"""``/static``: the style, the script and the mark; nothing else, and for everyone."""

from __future__ import annotations

from functools import cache
from importlib import resources

from fastapi import APIRouter, Request, Response

from services.errors import NotFound

from ... import conditional
from ..errors import PageRoute

FILES = {
    "report.css": ("services.reports", "templates", "text/css; charset=utf-8"),
    "mark.svg": ("services.reports", "templates", "image/svg+xml"),
    "web.css": ("services.api.web", "static", "text/css; charset=utf-8"),
    "live.js": ("services.api.web", "static", "text/javascript; charset=utf-8"),
}
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

router = APIRouter(prefix="/static", route_class=PageRoute)


@router.get("/{file}")
def asset(file: str, request: Request) -> Response:
    """One file, sent again only when it has changed."""
    if file not in FILES:
        raise NotFound("Nothing is at this address.", "Start from the list of audits.")
    content, etag = _content(file)
    if conditional.matches(request.headers.get("if-none-match"), etag):
        return conditional.not_modified(etag)
    headers = {"ETag": etag, "Content-Security-Policy": POLICY, "Cache-Control": "public, no-cache"}
    return Response(content, media_type=FILES[file][2], headers=headers)


@cache
def _content(file: str) -> tuple[bytes, str]:
    package, folder, _ = FILES[file]
    content = resources.files(package).joinpath(folder, file).read_bytes()
    return content, conditional.tag(content)
