"""Why the work on a subject ends early.

Interrupt                  not a failure
├── CancelRequested        a user asked
├── LeaseLost              another dispatcher owns the job now: stop, write nothing
└── ShuttingDown           this dispatcher ends: give the job back
StageFailed                a stage failed; ``retryable`` says whether another attempt can help
"""

from __future__ import annotations

from schemas.problems import ErrorCode, Problem
from services.errors import Unavailable, failure

OUTAGE_SECONDS = 10.0
"""Pause before work that met an outage is tried again."""


class Interrupt(Exception):
    """Base."""


class CancelRequested(Interrupt):
    """A user asked."""


class LeaseLost(Interrupt):
    """Another dispatcher owns the job."""


class ShuttingDown(Interrupt):
    """This dispatcher ends."""


class StageFailed(Exception):
    """A stage failed with a stable code; the text is for users, so it never holds a traceback."""

    def __init__(self, code: ErrorCode, detail: str, advice: str = "", retryable: bool = False) -> None:
        super().__init__(code, detail, advice, retryable)
        self.code = code
        self.detail = detail
        self.advice = advice
        self.retryable = retryable

    @property
    def outage(self) -> bool:
        """Whether database, storage or cluster were away: then the attempt is not counted, it waits."""
        return self.code == ErrorCode.SERVICE_UNAVAILABLE

    @property
    def problem(self) -> Problem:
        """What the subject keeps."""
        return failure(self.code, self.detail, self.advice)

    def exhausted(self, attempts: int) -> Problem:
        """What the subject keeps when the last of ``attempts`` failed as well."""
        detail = f"{attempts} attempts failed; the last one with {self.code}: {self.detail}"
        return failure(ErrorCode.ATTEMPTS_EXHAUSTED, detail, self.advice, status=500)

    @classmethod
    def of_outage(cls, error: Unavailable) -> StageFailed:
        """The dispatcher itself met the outage."""
        return cls(ErrorCode.SERVICE_UNAVAILABLE, error.detail, error.advice, retryable=True)
