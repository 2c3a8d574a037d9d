"""What every table shares: names of constraints, types of columns, and the project that a row belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from schemas.projects import DEFAULT_PROJECT

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}

TENANT_ROLE: Final = "scotoma_tenant"
"""The database role that :func:`services.db.engine.scoped` works as; row-level security binds it."""

CURRENT_PROJECT = f"COALESCE(NULLIF(current_setting('scotoma.project', true), ''), '{DEFAULT_PROJECT}')"
"""The project of the transaction (:func:`services.db.engine.scoped`). The default project where there is none: the
version of this service before projects writes into the same tables while the next one rolls out."""


class Table(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


class Scoped:
    """A row of a project: filled with the transaction's, and unseen by every other (row-level security)."""

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), server_default=text(CURRENT_PROJECT))


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A check that ``column`` holds one of ``values``."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def created() -> Mapped[datetime]:
    """A column filled with the transaction's time."""
    return mapped_column(server_default=func.now())
