"""The embedded stack: starts in order, is watched, keeps its data, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from services.cli.__main__ import app
from services.embedded.folder import FolderInUse
from services.embedded.stack import Stack
from services.settings import Settings, settings_environ
from services.storage.blobs import S3BlobStore
from services.storage.client import bucket_of
from tests.builders.steering import eventually

IDLE = ("tests.builders.idle_dispatcher",)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: PostgreSQL, unprivileged when we are root, must get there."""
    path = Path(tempfile.mkdtemp(prefix="scotoma-stack-"))
    yield path
    shutil.rmtree(path)


def children_of(folder: Path) -> list[psutil.Process]:
    """Every living process that names the folder in its command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get("SCOTOMA_READY_FILE", "")]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(process)
    return found


def test_a_stack_starts_serves_recovers_stops_and_keeps_its_data(folder: Path) -> None:
    steps: list[str] = []
    with Stack(folder, port=0, dispatcher=IDLE) as stack:
        stack.start(lambda name, seconds: steps.append(name))
        assert steps == ["database", "schema", "object storage", "admin key", "API", "dispatcher and Ray"]
        key, store = stack.api_key, S3BlobStore(bucket_of(stack.settings))
        assert stat.S_IMODE(stack.key_file.stat().st_mode) == 0o600
        assert audits(stack, key).status_code == 200
        assert audits(stack, "scot_wrong").status_code == 401
        with pytest.raises(FolderInUse, match=str(os.getpid())):
            Stack(folder)
        digest = store.put(b"kept")
        kill_and_recover(stack, folder)
    assert children_of(folder) == []
    with Stack(folder, port=0, dispatcher=IDLE) as again:
        again.start(lambda name, seconds: None)
        assert again.api_key == key
        assert audits(again, key).json() == {"items": [], "next": None}
        assert S3BlobStore(bucket_of(again.settings)).get(digest) == b"kept"
    assert children_of(folder) == []


def audits(stack: Stack, key: str) -> httpx.Response:
    return httpx.get(f"{stack.url}/v1/audits", headers={"Authorization": f"Bearer {key}"})


def kill_and_recover(stack: Stack, folder: Path) -> None:
    assert stack.supervise() == []
    [dispatcher] = [process for process in children_of(folder) if IDLE[0] in process.cmdline()]
    dispatcher.kill()
    eventually(lambda: stack.supervise() == ["dispatcher"])
    eventually(lambda: any(IDLE[0] in process.cmdline() for process in children_of(folder)))


def test_nothing_outlives_a_stack_that_is_killed(folder: Path, repository_root: Path) -> None:
    program = """
import sys, os
from pathlib import Path
from services.embedded.stack import Stack
stack = Stack(Path(sys.argv[1]), port=0, dispatcher=("tests.builders.idle_dispatcher",))
stack.start(lambda name, seconds: None)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=repository_root, check=False)
    assert done.returncode == -signal.SIGKILL
    eventually(lambda: children_of(folder) == [])


def run(settings: Settings, *words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, list(words), env=settings_environ(settings))
    return answer.exit_code, answer.output


def test_check_says_what_can_be_reached(settings: Settings) -> None:
    code, output = run(settings, "check")
    assert code == 0, output
    assert output.count("✓") == 3


def test_check_fails_for_each_part_that_is_away(settings: Settings) -> None:
    code, output = run(settings.model_copy(update={"s3_bucket": "absent"}), "check")
    assert code == 1
    assert output.count("✗") == 1
    assert "object storage" in output


def test_migrate_makes_the_schema_that_check_wants(settings: Settings, empty_database_url: str) -> None:
    empty = settings.model_copy(update={"database_url": SecretStr(empty_database_url)})
    assert run(empty, "check")[0] == 1
    assert run(empty, "migrate")[0] == 0
    assert run(empty, "check")[0] == 0


def test_commands_name_what_is_missing() -> None:
    answer = CliRunner().invoke(app, ["check"], env={"SCOTOMA_DATABASE_URL": ""})
    assert answer.exit_code == 1
    assert "SCOTOMA_DATABASE_URL" in answer.output
