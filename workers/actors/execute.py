"""What a Ray task runs: one stage, with as many threads as it was given CPUs."""

from __future__ import annotations

import os

import torch

from schemas.ports import BlobStore, ReportProgress
from schemas.stages import StageOutcome, StageRequest
from workers.stages.registry import run_request

WIDE = {"autoencoder"}
"""Stages that are planned with two CPUs."""


def execute(request: StageRequest, store: BlobStore, report: ReportProgress) -> StageOutcome:
    """Run one stage on this worker.

    Raises:
        WorkerError: as :func:`workers.stages.registry.run_request`.
    """
    threads = min(2, os.cpu_count() or 1) if request.name in WIDE else 1
    torch.set_num_threads(threads)  # two stages share a machine: without this each would take all of it
    return run_request(request, store, report)
