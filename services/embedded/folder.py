"""The data folder: one owner at a time, ports and secrets remembered between runs."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from services.errors import Conflict

PORTS = ("api", "postgres", "s3", "s3_grpc", "master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc")
SECRETS: dict[str, Callable[[], str]] = {
    "database_password": lambda: secrets.token_hex(20),
    "s3_access_key": lambda: secrets.token_hex(20),
    "s3_secret_key": lambda: secrets.token_hex(20),
    "secret_key": lambda: secrets.token_urlsafe(32),
    "signing_key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}
"""Secrets of a folder, and how each is made."""
HOST = "127.0.0.1"


class FolderInUse(Conflict):
    """Another stack runs on this folder."""


class DataFolder:
    """A locked data folder. The lock is the kernel's: it ends with the process, so none is ever stale.

    Raises:
        FolderInUse: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path.resolve()
        self._lock = (self.path / "lock").open("a+")
        self._take_lock()
        (self.path / "logs").mkdir(exist_ok=True)

    def close(self) -> None:
        """Let the next owner in."""
        self._lock.close()

    def log(self, name: str) -> Path:
        """Log file of a child."""
        return self.path / "logs" / f"{name}.log"

    def ports(self, wanted: dict[str, int] | None = None) -> dict[str, int]:
        """A port per server: those of the last run where they are free, else new ones; ``wanted`` ones as asked."""
        file = self.path / "ports.json"
        known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        chosen = choose_ports({**known, **(wanted or {})})
        file.write_text(json.dumps(chosen, indent=2))
        return chosen

    def secrets(self) -> dict[str, str]:
        """Passwords and keys of this folder, each made once and kept, readable by the owner only."""
        file = self.path / "secrets.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        missing = {name: make() for name, make in SECRETS.items() if name not in known}
        if missing:
            self.write_private("secrets.json", json.dumps(known | missing))
        return known | missing

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only the owner can read, whole or not at all."""
        file, draft = self.path / name, self.path / f"{name}.new"
        draft.touch(mode=0o600)
        draft.write_text(text)
        draft.replace(file)
        return file

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            owner = self._lock.read().strip() or "unknown"
            self._lock.close()
            raise FolderInUse(
                f"{self.path} is in use by process {owner}", "Stop that one first, or choose another folder."
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()


def choose_ports(known: dict[str, int]) -> dict[str, int]:
    """``known`` ports where they are free, else ports that the kernel gives; all different."""
    chosen: dict[str, int] = {}
    for name in PORTS:
        port = known.get(name, 0)
        if port in chosen.values() or not _is_free(port):
            port = 0
        chosen[name] = port or _free_port(set(chosen.values()) | set(known.values()))
    return chosen


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    while True:
        with closing(socket.socket()) as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
