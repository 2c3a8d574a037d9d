"""``/project``: what the project uses beside its limits, and what it is connected to."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ...ports import Ports
from ...routes import projects as api
from ..errors import PageRoute
from ..pages import page
from ..visitor import Reader

router = APIRouter(prefix="/project", route_class=PageRoute)


@router.get("")
def show_project(request: Request, ports: Ports, visitor: Reader) -> Response:
    """The visitor's own project."""
    mine = visitor.principal.project
    project = api.show_project(mine, ports, visitor.principal)
    usage = api.show_usage(mine, ports, visitor.principal)
    return page(request, "project.html.j2", {"project": project, "usage": usage})
