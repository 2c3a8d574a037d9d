"""Which device gets what; nothing is run on a GPU here."""

from __future__ import annotations

import pytest
import torch

from workers.training.acceleration import compiled


def test_a_cpu_keeps_the_objective_itself() -> None:
    assert compiled(torch.sum, torch.device("cpu")) is torch.sum


def test_cuda_gets_the_compiled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda objective: seen.append(objective) or torch.mean)
    assert compiled(torch.sum, torch.device("cuda", 1)) is torch.mean
    assert seen == [torch.sum]
