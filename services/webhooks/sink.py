"""How an event is sent to a webhook, and what the answers do to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import ColumnElement, and_, func, update
from sqlalchemy.orm import Session

from services.db.engine import SessionFactory, scoped
from services.db.outbox import WebhookRow
from services.deliveries.parcels import Outcome, Parcel, Told
from services.errors import AddressRefused
from services.sealing.sealer import Sealer

from .signing import body_of, headers_of

TIMEOUT_SECONDS = 15.0
MAX_ANSWER = 8 * 1024
"""Bytes of an answer that are read before the connection is closed; nothing of them is kept."""

GONE = 410
FAILING_DAYS = 5
"""After so many days without a single success the webhook is disabled."""


@dataclass(frozen=True)
class Target:
    """Where to send, and what signs: the secret, and for a day after a rotation the one before."""

    url: str
    keys: Sequence[str]


@dataclass(frozen=True)
class WebhookSink:
    """Sends to webhooks. ``open_client`` gives an HTTP client for addresses that users chose."""

    factory: SessionFactory
    sealer: Sealer
    public_url: str
    open_client: Callable[[], httpx.Client]

    def send(self, parcel: Parcel) -> Told:
        """Post the signed message once."""
        target = self._target(parcel)
        if target is None:
            return Told(Outcome.REFUSED, error="The webhook is disabled or deleted.")
        body = body_of(parcel, self.public_url)
        headers = headers_of(parcel, body, target.keys, datetime.now(UTC))
        try:
            return _judge(self._post(target.url, body, headers))
        except AddressRefused as error:
            return Told(Outcome.RETRY, error=error.detail)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Told(Outcome.RETRY, error=_words(error))

    def settle(self, session: Session, parcel: Parcel, told: Told) -> None:
        """Remember since when it fails; disable it when it says 410, or has failed for days."""
        row = WebhookRow
        mine = row.id == parcel.sink_id
        if told.outcome is Outcome.DELIVERED:
            _set(session, and_(mine, row.failing_since.is_not(None)), failing_since=None)
            return
        _set(session, and_(mine, row.failing_since.is_(None)), failing_since=func.now())
        if told.status == GONE:
            _disable(session, mine, "The address answered 410 Gone.")
        too_long = row.failing_since < func.now() - timedelta(days=FAILING_DAYS)
        _disable(session, and_(mine, too_long), f"Every delivery failed for {FAILING_DAYS} days.")

    def _target(self, parcel: Parcel) -> Target | None:
        with scoped(self.factory, parcel.project) as session:
            row = session.get(WebhookRow, parcel.sink_id)
            now = session.scalar(func.now())
        if row is None or row.disabled_at is not None:
            return None
        sealed = [row.sealed_secret]
        if row.sealed_previous and row.previous_until and now and row.previous_until > now:
            sealed.append(row.sealed_previous)
        return Target(row.url, [self.sealer.open(each) for each in sealed])

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        with self.open_client() as client, client.stream("POST", url, content=body, headers=headers) as answer:
            seen = 0
            for piece in answer.iter_raw():
                seen += len(piece)
                if seen >= MAX_ANSWER:
                    break
            return answer.status_code


def _judge(status: int) -> Told:
    if 200 <= status < 300:
        return Told(Outcome.DELIVERED, status)
    if status == GONE:
        return Told(Outcome.REFUSED, status, "The address answered 410 Gone: the webhook is disabled.")
    what = "a redirect, which is not followed" if 300 <= status < 400 else "no success"
    return Told(Outcome.RETRY, status, f"The address answered {status}: {what}.")


def _words(error: Exception) -> str:
    """A sentence for the webhook's owner."""
    if isinstance(error, httpx.TimeoutException):
        return f"The address did not answer within {TIMEOUT_SECONDS:.0f} s."
    if isinstance(error, httpx.ConnectError):
        return f"No connection: {error}"[:500]
    return f"The exchange failed ({type(error).__name__}): {error}"[:500]


def _set(session: Session, condition: ColumnElement[bool], **values: object) -> None:
    statement = update(WebhookRow).where(condition).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))


def _disable(session: Session, condition: ColumnElement[bool], why: str) -> None:
    still_enabled = and_(condition, WebhookRow.disabled_at.is_(None))
    _set(session, still_enabled, disabled_at=func.now(), disabled_because=why)
