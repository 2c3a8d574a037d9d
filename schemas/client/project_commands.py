"""``scotoma project``."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from rich.table import Table

from ..projects import Project, ProjectChange, ProjectLimits, ProjectUsage
from .file_commands import Json
from .session import session_of, table, write_json
from .terminal import plain

NONE = "none"
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$", re.IGNORECASE)

Audits = Annotated[
    str | None, typer.Option(help="Audits queued or running at once; none: no limit.", show_default=False)
]
GpuHours = Annotated[str | None, typer.Option(help="GPU hours over 30 days; none: no limit.", show_default=False)]
Bytes = Annotated[
    str | None, typer.Option("--bytes", help="Uploads and artifacts: 500GB, 2TiB; none: no limit.", show_default=False)
]
Retention = Annotated[
    str | None,
    typer.Option("--retention-days", help="Days that ended audits stay; none: for ever.", show_default=False),
]
Named = Annotated[str, typer.Argument(help="Its name or id.", show_default=False)]

projects = typer.Typer(no_args_is_help=True, help="Projects: a team with its own keys, files, audits and limits.")


@projects.command("create")
def create_project(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.", show_default=False)],
    audits: Audits = None,
    gpu_hours: GpuHours = None,
    size: Bytes = None,
    retention_days: Retention = None,
    as_json: Json = False,
) -> None:
    """Make a project. Operators only; its first key comes from: scotoma key create NAME --project PROJECT.

    Example: scotoma project create vision --audits 4 --gpu-hours 100 --bytes 500GB
    """
    session = session_of(context)
    limits = ProjectLimits(**changes(audits, gpu_hours, size, retention_days))
    with session.client() as client:
        made = client.create_project(name, limits)
    write_json(made) if as_json else session.out.print(project_table([made]))


@projects.command("list")
def list_projects(context: typer.Context, as_json: Json = False) -> None:
    """Every project for operators, else the own one."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.projects())
    write_json(items) if as_json else session.out.print(project_table(items))


@projects.command("show")
def show_project(
    context: typer.Context,
    project: Annotated[str | None, typer.Argument(help="Its name or id. Default: the own.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """What a project uses now, beside its limits."""
    session = session_of(context)
    with session.client() as client:
        found = client.project(project)
        usage = client.usage(found.id)
    write_json(usage) if as_json else session.out.print(usage_table(found, usage))


@projects.command("limit")
def limit_project(
    context: typer.Context,
    project: Named,
    audits: Audits = None,
    gpu_hours: GpuHours = None,
    size: Bytes = None,
    retention_days: Retention = None,
    as_json: Json = False,
) -> None:
    """Change what a project may use. Operators only; what is not named stays, 'none' takes a limit away.

    Example: scotoma project limit vision --audits 8 --gpu-hours none
    """
    session = session_of(context)
    wanted = ProjectChange(**changes(audits, gpu_hours, size, retention_days))
    if not wanted.model_fields_set:
        raise typer.BadParameter("name a limit: --audits, --gpu-hours, --bytes or --retention-days")
    with session.client() as client:
        changed = client.limit_project(client.project(project).id, wanted)
    write_json(changed) if as_json else session.out.print(project_table([changed]))


def changes(audits: str | None, gpu_hours: str | None, size: str | None, retention_days: str | None) -> dict[str, Any]:
    """The limits that were named, in the units of the contract.

    Raises:
        BadParameter: one is neither a number nor ``none``.
    """
    given = {
        "max_audits_in_flight": (audits, whole),
        "max_gpu_seconds": (gpu_hours, lambda text: round(float(text) * 3600)),
        "max_bytes": (size, byte_count),
        "retention_days": (retention_days, whole),
    }
    return {name: _limit(text, read) for name, (text, read) in given.items() if text is not None}


def whole(text: str) -> int:
    """A whole number."""
    return int(text)


def byte_count(text: str) -> int:
    """``500GB``, ``2TiB`` or ``1000`` in bytes.

    Raises:
        ValueError: it is no size.
    """
    found = SIZE.match(text.strip())
    if found is None:
        raise ValueError(text)
    return round(float(found[1]) * UNITS[(found[2] or "").lower()])


def _limit(text: str, read: Any) -> int | None:
    if text.lower() == NONE:
        return None
    try:
        return int(read(text))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither a number such as 4, 1.5 or 500GB nor 'none'") from error


def project_table(items: list[Project]) -> Table:
    """Projects and their limits in columns."""
    made = table("Id", "Name", "Audits", "GPU hours", "Bytes", "Kept for")
    for item in items:
        days = NONE if item.retention_days is None else f"{item.retention_days} days"
        made.add_row(item.id, plain(item.name), *_limits(item), "ever" if days == NONE else days)
    return made


def usage_table(project: Project, usage: ProjectUsage) -> Table:
    """What is used, beside what may be."""
    audits, hours, size = _limits(project)
    made = table(plain(project.name).plain, "Used", "Limit")
    made.add_row("Audits in flight", str(usage.audits_in_flight), audits)
    made.add_row("GPU hours, 30 days", f"{usage.gpu_seconds / 3600:.1f}", hours)
    made.add_row("Bytes", human_bytes(usage.upload_bytes + usage.artifact_bytes), size)
    return made


def _limits(limits: ProjectLimits) -> tuple[str, str, str]:
    audits, seconds, size = limits.max_audits_in_flight, limits.max_gpu_seconds, limits.max_bytes
    return (
        NONE if audits is None else str(audits),
        NONE if seconds is None else f"{seconds / 3600:g}",
        NONE if size is None else human_bytes(size),
    )


def human_bytes(count: int) -> str:
    """``1.5 GB``; decimal units."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} B"
