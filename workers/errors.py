"""Errors that stages raise.

WorkerError
├── IntakeError        the user's file is refused; never retried
├── StageError         a stage cannot go on with these inputs; never retried
└── TransientError     the machine failed, not the inputs; retried
"""

from __future__ import annotations

from schemas.problems import ErrorCode


class WorkerError(Exception):
    """Base: a stable ``code``, what was found, and what to change. ``retryable`` says whether trying again can help."""

    retryable = False

    def __init__(self, code: ErrorCode, detail: str, advice: str = "") -> None:
        super().__init__(code, detail, advice)
        self.code = code
        self.detail = detail
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.code}: {self.detail} {self.advice}".strip()


class IntakeError(WorkerError):
    """The uploaded file is refused."""


class StageError(WorkerError):
    """A stage cannot go on with these inputs."""


class TransientError(WorkerError):
    """The machine failed, not the inputs."""

    retryable = True
