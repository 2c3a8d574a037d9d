"""The data folder: one owner, remembered ports and secrets."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services.embedded.child import Child, ChildFailed, Command
from services.embedded.folder import PORTS, DataFolder, FolderInUse, choose_ports

ROOT = Path(__file__).parents[4]


def test_a_second_owner_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    first = DataFolder(tmp_path)
    with pytest.raises(FolderInUse, match=str(os.getpid())):
        DataFolder(tmp_path)
    first.close()
    DataFolder(tmp_path).close()


def test_a_lock_dies_with_its_owner(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from services.embedded.folder import DataFolder
folder = DataFolder(Path(sys.argv[1]))
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    DataFolder(tmp_path).close()


def test_secrets_are_kept_and_private(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    secrets = folder.secrets()
    assert folder.secrets() == secrets
    assert len(set(secrets.values())) == len(secrets)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    folder.close()


def test_ports_are_distinct_and_remembered(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    ports = folder.ports()
    assert set(ports) == set(PORTS)
    assert len(set(ports.values())) == len(PORTS)
    assert folder.ports() == ports == json.loads((tmp_path / "ports.json").read_text())
    folder.close()


def test_a_port_that_is_taken_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        chosen = choose_ports({"api": taken, "s3": taken})
        assert taken not in chosen.values()


def test_two_servers_never_share_a_port() -> None:
    free = choose_ports({})["api"]
    chosen = choose_ports(dict.fromkeys(PORTS, free))
    assert len(set(chosen.values())) == len(PORTS)


def child(tmp_path: Path, program: str, **more: object) -> Child:
    return Child(Command("part", [sys.executable, "-c", program], tmp_path / "log", **more))  # type: ignore[arg-type]


def test_a_child_that_ends_at_start_shows_its_log(tmp_path: Path) -> None:
    part = child(tmp_path, "print('no such disk'); raise SystemExit(3)")
    with pytest.raises(ChildFailed, match="no such disk"):
        part.wait_until(lambda: False, 30)


def test_a_child_that_never_answers_is_given_up(tmp_path: Path) -> None:
    part = child(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ChildFailed, match="did not answer"):
        part.wait_until(lambda: False, 0.2)
    part.stop()
    assert not part.alive


def test_a_deaf_child_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    part = child(tmp_path, deaf, patience=0.3)
    part.wait_until(lambda: b"deaf" in (tmp_path / "log").read_bytes(), 30)
    part.stop()
    assert not part.alive
    part.stop()


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from services.embedded.child import Child, Command
log = Path(sys.argv[1])
sleeper = "import time; print('up', flush=True); time.sleep(60)"
part = Child(Command("part", [sys.executable, "-c", sleeper], log))
part.wait_until(lambda: b"up" in log.read_bytes(), 30)
print(part.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    words = [sys.executable, "-c", program, str(tmp_path / "log")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    waiting = subprocess.run(["tail", f"--pid={pid}", "-s", "0.1", "-f", "/dev/null"], timeout=20, check=False)
    assert waiting.returncode == 0
