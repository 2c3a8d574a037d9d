"""The sandbox against functions that misbehave: the right code, and nothing happens to the caller."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from schemas.problems import ErrorCode
from workers.errors import IntakeError
from workers.intake.limits import MIB, Limits
from workers.intake.sandbox import Answer, run_sandboxed

TIGHT = Limits(memory_bytes=1024 * MIB, cpu_seconds=5, wall_seconds=30, file_bytes=8 * MIB, open_files=64)


@pytest.fixture(autouse=True)
def private_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(guest: str, limits: Limits = TIGHT, **arguments: object) -> Answer:
    return run_sandboxed(f"tests.builders.sandbox_guests:{guest}", {"file": b"bytes"}, arguments, limits)


def refusal(guest: str, limits: Limits = TIGHT, **arguments: object) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        run(guest, limits, **arguments)
    assert caught.value.advice
    return caught.value


def test_value_and_files_come_back_and_nothing_is_left(private_temporary_folder: Path) -> None:
    answer = run("echo", number=3)
    assert answer.value["number"] == 3
    assert answer.value["cwd"] == []
    assert answer.files == {"file": b"bytes"}
    assert list(private_temporary_folder.iterdir()) == []


def test_the_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert run("echo").value["environment"] == ["LANG", "MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]


def test_threads_still_work() -> None:
    assert run("start_threads").value == list(range(8))


@pytest.mark.parametrize("guest", ["hog_memory", "fill_disk", "open_many"])
def test_limits(guest: str, private_temporary_folder: Path) -> None:
    assert refusal(guest).code is ErrorCode.INTAKE_LIMIT_EXCEEDED
    assert list(private_temporary_folder.iterdir()) == []


def test_processor_time() -> None:
    error = refusal("spin", Limits(memory_bytes=1024 * MIB, cpu_seconds=1))
    assert error.code is ErrorCode.INTAKE_LIMIT_EXCEEDED
    assert "processor" in error.detail


def test_wall_time_ends_a_sleeper() -> None:
    error = refusal("sleep", Limits(memory_bytes=1024 * MIB, wall_seconds=2))
    assert error.code is ErrorCode.INTAKE_LIMIT_EXCEEDED
    assert "longer than 2 s" in error.detail


@pytest.mark.parametrize(("guest", "words"), [("segfault", "SIGSEGV"), ("abort", "SIGABRT"), ("leave", "no usable")])
def test_crashes(guest: str, words: str) -> None:
    error = refusal(guest)
    assert error.code is ErrorCode.INTAKE_CRASHED
    assert words in error.detail


@pytest.mark.parametrize("guest", ["open_socket", "run_program", "recurse", "forge_answer", "link_output"])
def test_forbidden_things_are_refused(guest: str) -> None:
    assert refusal(guest).code is ErrorCode.INTAKE_CRASHED


@pytest.mark.parametrize("guest", ["raw_socket", "raw_programs"])
def test_system_calls_are_refused_by_the_kernel(guest: str) -> None:
    assert run(guest).value == -1


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    target = tmp_path / "outside.txt"
    assert refusal("write_outside", path=str(target)).code is ErrorCode.INTAKE_CRASHED
    assert not target.exists()


def test_a_link_left_as_output_is_not_followed(tmp_path: Path) -> None:
    """Even a child that got around everything cannot make the caller read another file."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    out = tmp_path / "out"
    out.mkdir()
    (out / "stolen").symlink_to(secret)
    from workers.intake.sandbox import _read_plain_file

    with pytest.raises(OSError, match=r"symbolic|Too many"):
        _read_plain_file(out / "stolen", 100)
    os.mkfifo(out / "pipe")
    with pytest.raises(OSError, match="pipe"):
        _read_plain_file(out / "pipe", 100)


def test_an_unknown_function_is_a_crash_not_an_exception_of_another_kind() -> None:
    with pytest.raises(IntakeError) as caught:
        run_sandboxed("tests.builders.sandbox_guests:absent", {}, {}, TIGHT)
    assert caught.value.code is ErrorCode.INTAKE_CRASHED


def test_the_child_loads_no_torch() -> None:
    answer = run_sandboxed("tests.builders.sandbox_guests:modules", {}, {"also": "workers.intake.models"}, Limits())
    assert "onnxruntime" in answer.value
    assert "torch" not in answer.value
    assert "ray" not in answer.value
