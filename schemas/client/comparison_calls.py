"""Calls about comparisons: ask for one, wait for it, read what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ..audits import AuditState
from ..comparisons import Comparison, ComparisonCreate, ComparisonPage, ComparisonResult
from .errors import ComparisonUnfinished, TimedOut
from .exchange import Exchange
from .transport import understood

POLL_EVERY = 1.0


class ComparisonCalls(Exchange):
    """What changed between two audits."""

    def compare(
        self, before: str, after: str, *, name: str | None = None, idempotency_key: str | None = None
    ) -> Comparison:
        """Queue a comparison of two audits that succeeded on the same references.

        Sent again with the same ``idempotency_key``, it is the same comparison.

        Raises:
            ServiceError: ``audits-not-comparable``, or one of them has not ended.
        """
        body = ComparisonCreate(before=before, after=after, name=name)
        return self._create("/v1/comparisons", body, Comparison, idempotency_key)

    def comparison(self, comparison: str) -> Comparison:
        """One comparison."""
        return self._get(f"/v1/comparisons/{comparison}", Comparison)

    def comparisons(self, *, audit: str | None = None) -> Iterator[Comparison]:
        """Comparisons, newest first; with ``audit``, those that it is one side of."""
        return self._pages("/v1/comparisons", ComparisonPage, audit=audit)

    def wait_for_comparison(
        self,
        comparison: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Comparison], None] | None = None,
    ) -> Comparison:
        """Wait for the end of a comparison.

        Args:
            comparison: its id.
            timeout: seconds to wait at most.
            on_progress: told how it stands, again and again.

        Raises:
            ComparisonUnfinished: it failed.
            TimedOut: ``timeout`` seconds have passed; it goes on in the service.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (found := self.comparison(comparison)).state.terminal:
            if on_progress is not None:
                on_progress(found)
            if deadline is not None and time.monotonic() > deadline:
                raise TimedOut(f"{comparison} did not finish in time; it goes on in the service.")
            self._sleep(POLL_EVERY)
        if found.state is not AuditState.SUCCEEDED:
            raise ComparisonUnfinished(found)
        return found

    def comparison_result(self, comparison: str) -> ComparisonResult:
        """What changed.

        Raises:
            ServiceError: ``report-not-ready`` before the end.
        """
        return understood(ComparisonResult, self.comparison_json(comparison))

    def comparison_json(self, comparison: str) -> bytes:
        """``comparison.json`` as it is stored, byte for byte."""
        return self._transport.send("GET", f"/v1/comparisons/{comparison}/result").content

    def comparison_report(self, comparison: str) -> str:
        """The report: one self-contained HTML page.

        Raises:
            ServiceError: ``report-not-ready`` before the end.
        """
        return self._transport.send("GET", f"/v1/comparisons/{comparison}/report").text
