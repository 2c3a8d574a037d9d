"""What becomes of a job whose work failed: it waits, it is tried again, or it ends. The same for every kind of job."""

from __future__ import annotations

from collections.abc import Callable

from schemas.problems import Problem
from services.jobs import queue

from .interrupts import OUTAGE_SECONDS, StageFailed

GiveBack = Callable[[str, float, bool], None]
"""Gives the job back: why, for how many seconds, and whether the attempt counts."""


def settle(failed: StageFailed, attempt: int, most: int, give_back: GiveBack, end: Callable[[Problem], None]) -> None:
    """Give the job back while trying again may help, or end it with its problem.

    Args:
        failed: what happened.
        attempt: the one that it happened in, from 1.
        most: attempts that a job gets; one that met an outage does not count.
        give_back: another attempt later.
        end: none.
    """
    if failed.outage:
        give_back(failed.detail, OUTAGE_SECONDS, False)
    elif failed.retryable and attempt < most:
        give_back(failed.detail, queue.backoff(attempt), True)
    else:
        end(failed.exhausted(attempt) if failed.retryable else failed.problem)
