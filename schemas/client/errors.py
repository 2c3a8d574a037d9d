"""Errors of the client.

ScotomaError
├── ServiceError      the service answered with a problem
├── Unreachable       no answer came back, after every retry
├── IntakeRefused     the service read the uploaded file and refused it
├── AuditUnfinished   the audit failed or was cancelled: there is no result
├── ComparisonUnfinished  the same of a comparison
├── PolicyUnreadable  a policy file is no policy
├── TransferError     the bytes changed on the way, or object storage refused a part
└── TimedOut          the deadline that the caller set has passed; the audit itself goes on
"""

from __future__ import annotations

from ..audits import Audit
from ..comparisons import Comparison
from ..problems import Problem


def sentences(detail: str, advice: str) -> str:
    """What was found and what to change, as sentences: ``found. Change it.``"""
    return f"{detail.rstrip('.')}. {advice}".strip() if advice else detail


class ScotomaError(Exception):
    """Base of everything that the client raises on purpose."""


class ServiceError(ScotomaError):
    """The service answered with a problem (RFC 9457). ``code`` is stable; ``detail`` and ``advice`` are for people."""

    def __init__(self, status: int, code: str, detail: str, advice: str = "", request: str = "") -> None:
        super().__init__(status, code, detail, advice, request)
        self.status = status
        self.code = code
        self.detail = detail
        self.advice = advice
        self.request = request

    def __str__(self) -> str:
        return f"{sentences(self.detail, self.advice)} [{self.status} {self.code}]"


class Unreachable(ScotomaError):
    """No answer came back from the service."""


class TransferError(ScotomaError):
    """Bytes did not arrive as they were sent."""


class TimedOut(ScotomaError):
    """The caller's deadline has passed."""


class IntakeRefused(ScotomaError):
    """The uploaded file cannot be audited; ``problem`` says what was found and what to change."""

    def __init__(self, name: str, problem: Problem | None) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        if self.problem is None:
            return f"{self.name} was refused."
        return f"{self.name} was refused: {sentences(self.problem.detail, self.problem.advice)}"


class PolicyUnreadable(ScotomaError):
    """The file is no policy; the message says where and what to change."""


class AuditUnfinished(ScotomaError):
    """The audit ended without a result."""

    def __init__(self, audit: Audit) -> None:
        super().__init__(audit.id)
        self.audit = audit

    def __str__(self) -> str:
        problem = self.audit.problem
        reason = f": {sentences(problem.detail, problem.advice)}" if problem else ""
        return f"audit {self.audit.id} {self.audit.state}{reason}"


class ComparisonUnfinished(ScotomaError):
    """The comparison ended without a result."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__(comparison.id)
        self.comparison = comparison

    def __str__(self) -> str:
        problem = self.comparison.problem
        reason = f": {sentences(problem.detail, problem.advice)}" if problem else ""
        return f"comparison {self.comparison.id} {self.comparison.state}{reason}"
