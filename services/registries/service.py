"""Rules of registries: who may tell of new versions, and which secret signs what they tell."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from schemas.registries import (
    Registry,
    RegistryChange,
    RegistryCreate,
    RegistryCreated,
    RegistryOptions,
    VersionState,
)
from services.audits.baselines import check_baseline
from services.datasets.service import DATASETS
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.identifiers import new_id
from services.db.paging import Position, newest_first
from services.errors import InvalidRequest, NotFound
from services.jobs.queue import cancel_waiting
from services.policies import service as policies
from services.sealing.sealer import Sealer

OVERLAP = timedelta(days=1)
"""How long the secret before a rotation is taken: MLflow keeps what it sends under the old one until it is changed."""

PATH = "/v1/registries"


def create(session: Session, sealer: Sealer, public_url: str, body: RegistryCreate) -> RegistryCreated:
    """Connect a registry. The answer is the only place where its secret is ever shown.

    Raises:
        InvalidRequest: dataset, policy or baseline do not exist.
        SecretsUnconfigured: this installation cannot keep secrets.
    """
    _check_named(session, body)
    secret = _new_secret()
    row = RegistryRow(
        id=new_id("reg"),
        name=body.name,
        kind=body.kind,
        url=body.url,
        body=body.model_dump(mode="json", include=set(RegistryOptions.model_fields)),
        sealed_token=None if body.token is None else sealer.seal(body.token),
        sealed_secret=sealer.seal(secret),
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return _with_secret(row, public_url, secret)


def get(session: Session, public_url: str, registry: str) -> Registry:
    """One registry.

    Raises:
        NotFound: no registry has this id.
    """
    return contract(existing(session, registry), public_url)


def page(
    session: Session, public_url: str, after: Position | None, limit: int
) -> tuple[list[Registry], Position | None]:
    """A page of registries, newest first, and where the next one begins."""
    rows, following = newest_first(session, select(RegistryRow), RegistryRow, after, limit)
    return [contract(row, public_url) for row in rows], following


def change(session: Session, sealer: Sealer, public_url: str, registry: str, body: RegistryChange) -> Registry:
    """Disable a registry or take it up again, give it another token. What is left out stays.

    Raises:
        NotFound: no registry has this id.
        SecretsUnconfigured: this installation cannot keep secrets.
    """
    row = existing(session, registry)
    if body.disabled is not None:
        row.disabled_at = (row.disabled_at or func.now()) if body.disabled else None
    if body.token is not None:
        row.sealed_token = sealer.seal(body.token)
    session.flush()
    session.refresh(row)
    return contract(row, public_url)


def rotate(session: Session, sealer: Sealer, public_url: str, registry: str) -> RegistryCreated:
    """Give a registry a new secret; the one before is taken for a day more.

    Raises:
        NotFound: no registry has this id.
        SecretsUnconfigured: this installation cannot keep secrets.
    """
    row, secret = existing(session, registry), _new_secret()
    row.sealed_previous, row.previous_until = row.sealed_secret, func.now() + OVERLAP
    row.sealed_secret = sealer.seal(secret)
    session.flush()
    session.refresh(row)
    return _with_secret(row, public_url, secret)


def remove(session: Session, registry: str) -> None:
    """Forget a registry and what it told. Classifiers and audits that came of it stay.

    Raises:
        NotFound: no registry has this id.
    """
    mine = RegistryVersionRow.registry_id == registry
    waiting = select(RegistryVersionRow.id).where(mine, RegistryVersionRow.state == VersionState.PENDING)
    for version in session.scalars(waiting).all():
        cancel_waiting(session, version)
    row = existing(session, registry)
    session.execute(delete(RegistryVersionRow).where(mine))
    session.delete(row)


def existing(session: Session, registry: str) -> RegistryRow:
    """The row of a registry.

    Raises:
        NotFound: no registry has this id.
    """
    row = session.get(RegistryRow, registry)
    if row is None:
        raise NotFound(f"No registry has the id {registry}.", "List the registries to see their ids.")
    return row


def options_of(row: RegistryRow) -> RegistryOptions:
    """What is done with the versions that a registry tells of."""
    return RegistryOptions.model_validate(row.body)


def contract(row: RegistryRow, public_url: str) -> Registry:
    """A row as the API answers it."""
    return Registry(
        id=row.id,
        name=row.name,
        kind="mlflow",
        url=row.url,
        has_token=row.sealed_token is not None,
        events_url=f"{public_url.rstrip('/')}{PATH}/{row.id}/events",
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        **options_of(row).model_dump(),
    )


def _with_secret(row: RegistryRow, public_url: str, secret: str) -> RegistryCreated:
    return RegistryCreated(**contract(row, public_url).model_dump(), secret=secret)


def _new_secret() -> str:
    """256 random bits, as text: MLflow uses it as it is written."""
    return secrets.token_urlsafe(32)


def _check_named(session: Session, body: RegistryOptions) -> None:
    _check(lambda: DATASETS.get(session, body.dataset))
    if body.policy is not None:
        policy = body.policy
        _check(lambda: policies.get(session, policy))
    if body.baseline not in (None, "previous"):
        check_baseline(session, body.baseline, body.dataset)


def _check(find: Callable[[], object]) -> None:
    try:
        find()
    except NotFound as error:
        raise InvalidRequest(error.detail, error.advice or "Push it first.") from error
