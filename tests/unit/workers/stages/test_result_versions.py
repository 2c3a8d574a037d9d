"""Versions in a result: on machines with a GPU, ONNX Runtime is another distribution."""

from __future__ import annotations

import importlib.metadata

import pytest

from workers.stages import result


def test_the_gpu_distribution_counts_as_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "onnxruntime-gpu":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.31.1"

    monkeypatch.setattr(result, "version", version)
    assert result.library_version("onnxruntime") == "1.31.1"


def test_every_library_of_a_result_has_a_version_here() -> None:
    assert all(result.library_version(name) for name in result.LIBRARIES)
