"""Rules of projects. Who may call what is the routes' matter: operators see all, everyone else the own one."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schemas.projects import Project, ProjectChange, ProjectCreate, ProjectLimits
from services.db.identifiers import new_id
from services.db.paging import Position, newest_first
from services.db.trust import ProjectRow
from services.errors import Conflict, NotFound


def create(session: Session, body: ProjectCreate) -> Project:
    """Make a project.

    Raises:
        Conflict: one has this name.
    """
    if session.scalar(select(ProjectRow.id).where(ProjectRow.name == body.name)) is not None:
        raise Conflict(f"A project has the name {body.name!r}.", "Choose another name.")
    row = ProjectRow(id=new_id("prj"), **body.model_dump())
    session.add(row)
    session.flush()
    session.refresh(row)
    return contract(row)


def find(session: Session, project: str) -> Project:
    """The project with this id or name.

    Raises:
        NotFound: none that may be seen in this transaction has it.
    """
    row = session.scalar(select(ProjectRow).where(or_(ProjectRow.id == project, ProjectRow.name == project)))
    if row is None:
        raise NotFound(f"No project has the id or name {project}.")
    return contract(row)


def page(session: Session, after: Position | None, limit: int) -> tuple[list[Project], Position | None]:
    """A page of the projects that may be seen in this transaction, newest first."""
    rows, following = newest_first(session, select(ProjectRow), ProjectRow, after, limit)
    return [contract(row) for row in rows], following


def change(session: Session, project: str, body: ProjectChange) -> Project:
    """Set the limits that ``body`` names. What is used already stays, however much it is.

    Raises:
        NotFound: no project has this id.
    """
    row = session.get(ProjectRow, project, with_for_update=True)
    if row is None:
        raise NotFound(f"No project has the id {project}.")
    for name in body.model_fields_set:
        setattr(row, name, getattr(body, name))
    session.flush()
    return contract(row)


def contract(row: ProjectRow) -> Project:
    """A row as the API answers it."""
    limits = {name: getattr(row, name) for name in ProjectLimits.model_fields}
    return Project(id=row.id, name=row.name, created_at=row.created_at, **limits)
