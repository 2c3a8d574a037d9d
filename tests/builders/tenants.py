"""Two teams in one database: a row of each in every table that has rows of projects."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Column, Table, insert
from sqlalchemy.orm import Session

from schemas.projects import ProjectCreate
from services.db.every_table import METADATA, SCOPED
from services.db.identifiers import new_id
from services.projects import service as projects

SAMPLES: dict[type, Any] = {bool: False, int: 1, float: 0.5, datetime: datetime.now(UTC) + timedelta(days=1)}
ALLOWED = re.compile(r"^(\w+) IN \('(\w+)'")


def make_project(session: Session, name: str) -> str:
    """A project without limits."""
    return projects.create(session, ProjectCreate(name=name)).id


def occupy(session: Session, project: str) -> dict[str, dict[str, Any]]:
    """One row of ``project`` in every table of ``SCOPED``, whatever its columns; the values by table."""
    rows: dict[str, dict[str, Any]] = {}
    for table in METADATA.sorted_tables:
        if table.name in SCOPED:
            rows[table.name] = _values(table, rows) | {"project_id": project}
            session.execute(insert(table).values(rows[table.name]))
    return rows


def _values(table: Table, rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    needed = [column for column in table.columns if not _filled_by_itself(column)]
    return {column.name: _value(column, rows) for column in needed}


def _filled_by_itself(column: Column[Any]) -> bool:
    return bool(column.nullable or column.server_default is not None or column.identity is not None)


def _value(column: Column[Any], rows: dict[str, dict[str, Any]]) -> Any:
    for key in column.foreign_keys:
        return rows[key.column.table.name][key.column.name]
    checks = [item for item in column.table.constraints if isinstance(item, CheckConstraint)]
    for found in (ALLOWED.match(str(check.sqltext)) for check in checks):
        if found is not None and found[1] == column.name:
            return found[2]
    kind = column.type.python_type
    return SAMPLES[kind] if kind in SAMPLES else new_id("row") if kind is str else [column.name]
