"""What a sink is given to tell, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Parcel:
    """A claimed delivery. ``attempt`` counts from 1; ``id`` is the same at every attempt.

    ``happened_at`` is when the event came to be. ``sink_id`` says whom the sink tells, where it has several.
    """

    id: str
    project: str
    sink: str
    sink_id: str | None
    type: str
    subject_id: str
    payload: dict[str, Any]
    attempt: int
    happened_at: datetime


class Outcome(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It may work later."""
    REFUSED = "refused"
    """It never will: no other attempt."""


@dataclass(frozen=True)
class Told:
    """What came of an attempt; ``status`` is the receiver's HTTP status, ``error`` a sentence for its owner."""

    outcome: Outcome
    status: int | None = None
    error: str | None = None


class Sink(Protocol):
    """A kind of receiver. Both methods run on threads of the courier, several at once."""

    def send(self, parcel: Parcel) -> Told:
        """Tell it, outside of any transaction, within the sink's lease (``outbox.LEASES``).

        What it raises counts as ``RETRY``.
        """
        ...

    def settle(self, session: Session, parcel: Parcel, told: Told) -> None:
        """Write down what ``told`` means for the receiver, in the project's transaction that ends the attempt."""
        ...
