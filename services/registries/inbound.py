"""Events that come in: believed only with the registry's signature, taken in the registry's project."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select

from schemas.registries import EventAnswer
from services.db.automation import RegistryRow
from services.db.engine import SessionFactory, scoped, transaction
from services.errors import Unauthenticated
from services.sealing.sealer import Sealer

from .mlflow.events import told_version
from .mlflow.signatures import is_signed
from .versions import take

STRANGER = secrets.token_urlsafe(32)
"""Signs nothing: registries that do not exist take as long to refuse as wrong signatures."""


def receive(
    factory: SessionFactory, sealer: Sealer, registry: str, headers: Mapping[str, str], body: bytes
) -> EventAnswer:
    """Take an event of a registry.

    Raises:
        Unauthenticated: no usable registry has this id, or it did not sign this; which of them is not said.
        InvalidRequest: it is signed, but no event.
    """
    with transaction(factory) as session:
        usable = (RegistryRow.id == registry, RegistryRow.disabled_at.is_(None))
        row = session.scalars(select(RegistryRow).where(*usable)).one_or_none()
    known = [STRANGER] if row is None else _secrets(row, sealer)
    if not is_signed(known, headers, body, time.time()) or row is None:
        raise Unauthenticated("The event is not signed by a registry of this service.", "Check id and secret.")
    told = told_version(body)
    if told is None:
        return EventAnswer(accepted=False)
    with scoped(factory, row.project_id) as session:
        return EventAnswer(accepted=take(session, row, told))


def _secrets(row: RegistryRow, sealer: Sealer) -> list[str]:
    known = [sealer.open(row.sealed_secret)]
    if row.sealed_previous and row.previous_until and row.previous_until > datetime.now(UTC):
        known.append(sealer.open(row.sealed_previous))
    return known
