"""Sink ``openlineage`` of the outbox: audits as runs, posted to the lineage backend that the operator named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy.orm import Session

from services.db.engine import SessionFactory, scoped
from services.deliveries.parcels import Outcome, Parcel, Told
from services.storage.blobs import S3BlobStore

from .events import RunState, run_event
from .runs import told_run, with_result

STATES = {
    "audit.started": RunState.START,
    "audit.succeeded": RunState.COMPLETE,
    "audit.failed": RunState.FAIL,
    "audit.cancelled": RunState.ABORT,
}
NEVER = frozenset({400, 413, 422})
"""Answers that say that the event itself is not taken."""
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class LineageSink:
    """Posts run events.

    ``url`` is the very address; ``namespace`` is what jobs and data of this service are in; ``open_client`` gives an
    HTTP client, with the operator's key if there is one.
    """

    factory: SessionFactory
    store: S3BlobStore
    url: str
    namespace: str
    open_client: Callable[[], httpx.Client]

    def send(self, parcel: Parcel) -> Told:
        """Post the event; before the end of an audit that never began, also its beginning: a run needs both."""
        answer = Told(Outcome.REFUSED, error="The audit is gone.")
        with self.open_client() as http:
            for event in self._events(parcel):
                answer = _posted(http, self.url, event)
                if answer.outcome is not Outcome.DELIVERED:
                    break
        return answer

    def settle(self, session: Session, parcel: Parcel, told: Told) -> None:
        """The backend stays as it is: each delivery says why it failed."""

    def _events(self, parcel: Parcel) -> list[dict[str, Any]]:
        state = STATES[parcel.type]
        with scoped(self.factory, parcel.project) as session:
            told = told_run(session, self.namespace, parcel.subject_id)
        if told is None:
            return []
        begun = [run_event(told.run, RunState.START, parcel.happened_at)]
        if state is RunState.START:
            return begun
        ended = run_event(with_result(told, self.store.of_project(parcel.project)), state, parcel.happened_at)
        return [ended] if told.audit.started_at else [*begun, ended]


def _posted(http: httpx.Client, url: str, event: dict[str, Any]) -> Told:
    try:
        with http.stream("POST", url, json=event) as answer:
            pass  # its status is all that is read
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Told(Outcome.RETRY, error=f"The lineage backend cannot be reached: {type(error).__name__}.")
    if answer.is_success:
        return Told(Outcome.DELIVERED, status=answer.status_code)
    outcome = Outcome.REFUSED if answer.status_code in NEVER else Outcome.RETRY
    return Told(outcome, status=answer.status_code, error=f"The lineage backend answered {answer.status_code}.")
