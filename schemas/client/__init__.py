"""The client of Scotoma: push files, submit audits, watch them, read what came out."""

from .client import Client
from .errors import (
    AuditUnfinished,
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
    "IntakeRefused",
    "ScotomaError",
    "ServiceError",
    "TimedOut",
    "TransferError",
    "Unreachable",
]
