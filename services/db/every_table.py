"""Every table, declared: what migrations must add up to."""

from __future__ import annotations

from . import automation, outbox, tables, trust
from .scoping import Scoped, Table

__all__ = ["METADATA", "SCOPED", "automation", "outbox", "tables", "trust"]

METADATA = Table.metadata

SCOPED = sorted(str(mapper.local_table) for mapper in Table.registry.mappers if issubclass(mapper.class_, Scoped))
"""Names of the tables whose rows belong to a project: row-level security guards each."""
