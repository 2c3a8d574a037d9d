"""``/project``: what the project uses beside its limits, and what it is connected to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from schemas.api_keys import Scope

from ...ports import Ports
from ...routes import projects as api
from ...routes import registries, webhooks
from ..errors import PageRoute
from ..pages import page
from ..visitor import Reader

MOST = 100

router = APIRouter(prefix="/project", route_class=PageRoute)


@router.get("")
def show_project(request: Request, ports: Ports, visitor: Reader) -> Response:
    """The visitor's own project."""
    mine = visitor.principal.project
    project = api.show_project(mine, ports, visitor.principal)
    usage = api.show_usage(mine, ports, visitor.principal)
    context: dict[str, Any] = {"project": project, "usage": usage, "webhooks": None, "registries": None}
    if visitor.may(Scope.ADMIN):
        context["webhooks"] = webhooks.list_webhooks(ports, visitor.principal, limit=MOST).items
        context["registries"] = registries.list_registries(ports, visitor.principal, limit=MOST).items
    return page(request, "project.html.j2", context)
