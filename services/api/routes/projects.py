"""``/v1/projects``: operators manage all; everyone else sees the own one and what it uses."""

from __future__ import annotations

from fastapi import APIRouter, Response

from schemas.projects import Project, ProjectChange, ProjectCreate, ProjectPage, ProjectUsage
from services.api_keys.service import Principal
from services.errors import Forbidden
from services.projects import service, usage
from services.projects.trail import record

from .. import cursors
from ..access import Admin, Viewer
from ..cursors import Cursor, Limit
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/projects"
router = APIRouter(prefix=PATH, tags=["projects"])


@router.post("", status_code=201, responses=problems(409, 413))
def create_project(body: ProjectCreate, response: Response, ports: Ports, principal: Admin) -> Project:
    """Make a project; operators only. Its name is its own, so a repetition makes no second one."""
    _require_operator(principal)
    with ports.governed(principal) as session:
        project = service.create(session, body)
        record(session, principal, "projects.create", project.id)
    response.headers["Location"] = f"{PATH}/{project.id}"
    return project


@router.get("", responses=problems())
def list_projects(ports: Ports, principal: Viewer, cursor: Cursor = None, limit: Limit = 25) -> ProjectPage:
    """Projects, newest first: all for operators, else the own one."""
    with ports.governed(principal) as session:
        items, following = service.page(session, cursors.decode(cursor), limit)
    return ProjectPage(items=items, next=cursors.encode(following))


@router.get("/{project}", responses=problems(404))
def show_project(project: Id, ports: Ports, principal: Viewer) -> Project:
    """One project and its limits."""
    with ports.governed(principal) as session:
        return service.find(session, project)


@router.get("/{project}/usage", responses=problems(404))
def show_usage(project: Id, ports: Ports, principal: Viewer) -> ProjectUsage:
    """What a project uses now, beside its limits."""
    with ports.governed(principal) as session:
        return usage.usage(session, service.find(session, project))


@router.patch("/{project}", responses=problems(404, 413))
def change_project(project: Id, body: ProjectChange, ports: Ports, principal: Admin) -> Project:
    """Set limits; operators only. What is left out stays, null takes a limit away."""
    with ports.governed(principal) as session:
        service.find(session, project)
        _require_operator(principal)
        for side in {principal.project, project}:  # the team sees what an operator did to its limits
            record(session, principal, "projects.change", project, side)
        return service.change(session, project, body)


def _require_operator(principal: Principal) -> None:
    if not principal.operator:
        advice = "Ask an operator: an administrator of the default project."
        raise Forbidden("Projects and their limits are managed by operators.", advice)
