"""Versions that a registry told of: each is one row and one job, however often it is told."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.problems import Problem
from schemas.registries import RegistryVersion, VersionState, VersionTold
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.identifiers import new_id
from services.db.paging import Position, newest_first
from services.db.tables import JobKind
from services.errors import InvalidRequest
from services.jobs.queue import enqueue

from .service import existing, options_of


def take(session: Session, registry: RegistryRow, told: VersionTold) -> bool:
    """Note a version and queue its import; whether it was new, and of a model that the registry's options let through.

    Told twice, at the same time or later, it is one version.
    """
    if not wanted(registry, told.model):
        return False
    values = {"id": new_id("ver"), "registry_id": registry.id, "model": told.model, "version": told.version}
    unseen = insert(RegistryVersionRow).values(**values).on_conflict_do_nothing().returning(RegistryVersionRow.id)
    made = session.scalar(unseen)
    if made is not None:
        enqueue(session, JobKind.IMPORT_VERSION, made)
    return made is not None


def ask(session: Session, registry: str, told: VersionTold) -> RegistryVersion:
    """Audit a version that the registry did not tell of, or whose import failed. One that is known stays as it is.

    Raises:
        NotFound: no registry has this id.
        InvalidRequest: its options do not let the model through.
    """
    owner = existing(session, registry)
    if not wanted(owner, told.model):
        raise InvalidRequest(f"The registry {registry} takes no model {told.model!r}.", "See its model_names.")
    take(session, owner, told)
    row = RegistryVersionRow
    same = (row.registry_id == registry, row.model == told.model, row.version == told.version)
    found = session.scalars(select(row).where(*same).with_for_update()).one()
    if found.state == VersionState.FAILED:
        found.state, found.problem, found.finished_at = VersionState.PENDING, None, None
        enqueue(session, JobKind.IMPORT_VERSION, found.id)
    session.flush()
    return contract(found)


def page(
    session: Session, registry: str, after: Position | None, limit: int
) -> tuple[list[RegistryVersion], Position | None]:
    """A page of versions of a registry, newest first, and where the next one begins.

    Raises:
        NotFound: no registry has this id.
    """
    existing(session, registry)
    query = select(RegistryVersionRow).where(RegistryVersionRow.registry_id == registry)
    rows, following = newest_first(session, query, RegistryVersionRow, after, limit)
    return [contract(row) for row in rows], following


def wanted(registry: RegistryRow, model: str) -> bool:
    """Whether the registry's options let a model through."""
    return any(fnmatchcase(model, pattern) for pattern in options_of(registry).model_names)


def contract(row: RegistryVersionRow) -> RegistryVersion:
    """A row as the API answers it."""
    return RegistryVersion(
        id=row.id,
        registry=row.registry_id,
        model=row.model,
        version=row.version,
        run_id=row.run_id,
        state=VersionState(row.state),
        classifier=row.classifier_id,
        audit=row.audit_id,
        problem=None if row.problem is None else Problem.model_validate(row.problem),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
