"""The client of Scotoma: push files, submit audits, watch them, read what came out."""

from .client import Client
from .errors import (
    AuditUnfinished,
    ComparisonUnfinished,
    IntakeRefused,
    ScotomaError,
    ServiceError,
    TimedOut,
    TransferError,
    Unreachable,
)

__all__ = [
    "AuditUnfinished",
    "Client",
    "ComparisonUnfinished",
    "IntakeRefused",
    "ScotomaError",
    "ServiceError",
    "TimedOut",
    "TransferError",
    "Unreachable",
]
