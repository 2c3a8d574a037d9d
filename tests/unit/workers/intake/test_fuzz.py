"""Damaged uploads never crash the caller, never leave files, never hang; each is accepted or refused with a code."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from tests.builders import onnx_graph_nets, onnx_graphs
from tests.builders.archives import class_folders, image_bytes, npz_bytes, random_images, tar_bytes, zip_bytes
from tests.builders.fuzz_guests import mutate
from tests.builders.random_graphs import graph_arrays
from workers.errors import IntakeError
from workers.intake import DatasetCaps, Limits, intake_classifier, intake_dataset
from workers.intake.datasets import inspect_dataset
from workers.intake.limits import ModelCaps
from workers.intake.sandbox import run_sandboxed
from workers.intake.structure import check_structure, parse_model

TABLE = ("file,x\n" + "".join(f"{'cat' if i % 2 else 'dog'}/{i:03}.png,{i}\n" for i in range(6))).encode()
CONCEPTS = b"concept,file_a,file_b\nhat,concepts/000.png,concepts/001.png\n" + b"".join(
    b"odd,%s/%03d.png,%s/%03d.png\n" % (b"dog" if i % 2 == 0 else b"cat", i, b"dog" if j % 2 == 0 else b"cat", j)
    for i in range(6) for j in range(i)
)  # fmt: skip
SKETCHES = {f"concepts/{i:03}.png": image_bytes(image) for i, image in enumerate(random_images(2, seed=9))}
MODELS = {
    "model_mlp": onnx_graphs.to_bytes(onnx_graphs.mlp(size=4)),
    "model_conv": onnx_graphs.to_bytes(onnx_graphs.convnet()),
    "model_if": onnx_graphs.to_bytes(onnx_graphs.nested_if_net(1)),
}
DATASETS = {
    "npz": npz_bytes(images=random_images(6), labels=np.arange(6), hue=np.arange(6) / 6, name=np.array(list("abcabc"))),
    "concepts": npz_bytes(
        images=random_images(6),
        pairs_odd=np.array([[i, j] for i in range(6) for j in range(i)]),
        sketch_hat=random_images(2, 9),
    ),
    "sketches": zip_bytes(class_folders(6) | SKETCHES | {"concepts.csv": CONCEPTS}),
    "zip": zip_bytes(class_folders(6) | {"attributes.csv": TABLE}),
    "jpegs": zip_bytes(class_folders(6, kind="JPEG"), 0),
    "webps": zip_bytes(class_folders(6, kind="WEBP"), 0),
    "tar": tar_bytes(class_folders(6)),
    "tgz": tar_bytes(class_folders(6), "w:gz"),
}
GRAPHS = {
    "model_graph": onnx_graphs.to_bytes(onnx_graph_nets.message_passing_net()),
    "graphs": npz_bytes(**graph_arrays(6), node_names=np.array(list("CNO"))),
}
LIMITS = Limits(memory_bytes=3 * 2**30, cpu_seconds=60, wall_seconds=90)


@pytest.fixture(autouse=True)
def private_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("uploads", "cases", "seed"),
    [(MODELS, 100, 1), (MODELS, 100, 2), (DATASETS, 100, 3), (DATASETS, 100, 4), (GRAPHS, 100, 5)],
)
def test_many_damaged_uploads_in_one_child(
    uploads: dict[str, bytes], cases: int, seed: int, private_temporary_folder: Path
) -> None:
    """An exception that is no refusal, or a limit, would come back as another error of the sandbox and fail here."""
    arguments = {"cases": cases, "seed": seed}
    outcomes = run_sandboxed("tests.builders.fuzz_guests:fuzz", uploads, arguments, LIMITS).value
    assert sum(outcomes.values()) == cases * len(uploads)
    assert len(outcomes) >= 4, outcomes
    assert list(private_temporary_folder.iterdir()) == []


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(MODELS)), st.integers(0, 2**32))
def test_damaged_models_through_the_entry_point(name: str, seed: int) -> None:
    data = mutate(MODELS[name], np.random.default_rng(seed))
    with contextlib.suppress(IntakeError):
        facts, canonical = intake_classifier(data, InputSpec())
        assert facts.classes >= 2
        assert canonical


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(DATASETS)), st.integers(0, 2**32))
def test_damaged_datasets_through_the_entry_point(name: str, seed: int) -> None:
    data = mutate(DATASETS[name], np.random.default_rng(seed))
    with contextlib.suppress(IntakeError):
        facts, _ = intake_dataset(data, name, caps=DatasetCaps(minimum_images=4))
        assert 4 <= facts.images <= 6


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(IntakeError) as caught:
        check_structure(parse_model(data, ModelCaps()), ModelCaps())
    assert caught.value.code.value.startswith("model-")
    for front in (b"", b"PK\x03\x04", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x93NUMPY"):
        with pytest.raises(IntakeError) as caught:
            inspect_dataset(front + data, "upload", {})
        assert caught.value.code in (
            ErrorCode.DATASET_UNREADABLE,
            ErrorCode.DATASET_ARCHIVE_UNSAFE,
            ErrorCode.DATASET_TOO_SMALL,
        )
