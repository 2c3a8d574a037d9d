"""Calls about schedules and about policies in the service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..policies import Policy, PolicyPage, StoredPolicy
from ..schedules import (
    Backfill,
    Backfilled,
    Occurrence,
    OccurrencePage,
    Pause,
    Schedule,
    ScheduleCreate,
    SchedulePage,
    Turn,
    Upcoming,
    UpcomingList,
)
from .exchange import Exchange, new_key
from .transport import understood


class ScheduleCalls(Exchange):
    """Audits that begin by themselves, and the policies that they are checked against."""

    def push_policy(self, policy: Policy, *, idempotency_key: str | None = None) -> StoredPolicy:
        """Store a policy as the next of its name; the same document as the newest is not stored again."""
        return self._create("/v1/policies", policy, StoredPolicy, idempotency_key)

    def policy(self, policy: str) -> StoredPolicy:
        """One policy."""
        return self._get(f"/v1/policies/{policy}", StoredPolicy)

    def policies(self, *, name: str | None = None) -> Iterator[StoredPolicy]:
        """Policies, newest first; with ``name`` those of one name."""
        return self._pages("/v1/policies", PolicyPage, name=name)

    def create_schedule(self, schedule: ScheduleCreate, *, idempotency_key: str | None = None) -> Schedule:
        """Make a schedule.

        Raises:
            ServiceError: its times make no sense, or an audit of it could not begin.
        """
        return self._create("/v1/schedules", schedule, Schedule, idempotency_key)

    def schedule(self, schedule: str) -> Schedule:
        """One schedule."""
        return self._get(f"/v1/schedules/{schedule}", Schedule)

    def schedules(self) -> Iterator[Schedule]:
        """Schedules, newest first."""
        return self._pages("/v1/schedules", SchedulePage)

    def change_schedule(self, schedule: Schedule, change: ScheduleCreate) -> Schedule:
        """Put ``change`` in the place of ``schedule``, as it was read.

        Raises:
            ServiceError: ``precondition-failed``: somebody else changed it meanwhile.
        """
        headers = {"If-Match": f'"{schedule.revision}"'}
        path, body = f"/v1/schedules/{schedule.id}", change.model_dump(mode="json")
        return understood(Schedule, self._transport.send("PUT", path, json=body, headers=headers).content)

    def delete_schedule(self, schedule: str) -> None:
        """End a schedule; its audits stay."""
        self._transport.send("DELETE", f"/v1/schedules/{schedule}")

    def pause_schedule(self, schedule: str, reason: str = "") -> Schedule:
        """Nothing is due until it is resumed."""
        return self._create(f"/v1/schedules/{schedule}:pause", Pause(reason=reason), Schedule)

    def resume_schedule(self, schedule: str) -> Schedule:
        """Due again from now on."""
        return understood(Schedule, self._ask(f"/v1/schedules/{schedule}:resume"))

    def trigger_schedule(self, schedule: str) -> Occurrence:
        """Begin an audit of the schedule now.

        Raises:
            ServiceError: what it needs is not there, or ``quota-exceeded``.
        """
        return understood(Occurrence, self._ask(f"/v1/schedules/{schedule}:trigger"))

    def backfill_schedule(
        self, schedule: str, since: datetime, until: datetime, overlap: Turn = Turn.QUEUE
    ) -> Backfilled:
        """Audit for every time from ``since`` to ``until`` of which no audit began; both know their time zone.

        Raises:
            ServiceError: the range is empty, not over yet, or too long.
        """
        body = Backfill.model_validate({"from": since, "to": until, "overlap": overlap})
        headers = {"Idempotency-Key": new_key()}  # repeating it adds nothing, so the transport may retry
        sent = body.model_dump(mode="json", by_alias=True)
        path = f"/v1/schedules/{schedule}:backfill"
        return understood(Backfilled, self._transport.send("POST", path, json=sent, headers=headers).content)

    def occurrences(self, schedule: str) -> Iterator[Occurrence]:
        """What became of the times up to now, latest first."""
        return self._pages(f"/v1/schedules/{schedule}/occurrences", OccurrencePage)

    def upcoming(self, schedule: str, count: int = 10, since: datetime | None = None) -> list[Upcoming]:
        """The next times after ``since`` (now when left out), soonest first."""
        asked = {"count": str(count), "since": None if since is None else since.isoformat()}
        answer = self._transport.send("GET", f"/v1/schedules/{schedule}/upcoming", params=asked)
        return understood(UpcomingList, answer.content).items

    def _ask(self, path: str) -> bytes:
        return self._transport.send("POST", path, headers={"Idempotency-Key": new_key()}).content
