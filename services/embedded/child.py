"""A child process: started on a leash, waited for until it answers, stopped politely and then firmly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.errors import Unavailable

from . import leash

LOG_TAIL = 2000
KILL_AFTER = 5.0


class ChildFailed(Unavailable):
    """A part of the stack ended or never answered; the detail ends with the last lines of its log."""


@dataclass(frozen=True)
class Command:
    """How to run a child. ``user``: the account to leave root for; ``stop_signal`` asks it to end,
    ``death_signal`` reaches it when this process is gone; ``patience`` is how many seconds a stop may take.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    environ: Mapping[str, str] | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    patience: float = 20.0
    folder: Path | None = None


class Child:
    """A running child. Start it from a thread that lives as long as the child must: its end is the child's end."""

    def __init__(self, command: Command) -> None:
        self.command = command
        head = [sys.executable, "-E", "-S", leash.__file__]
        words = [str(os.getpid()), str(int(command.death_signal)), command.user or "-", *command.arguments]
        with command.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*head, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(command.environ) if command.environ is not None else None,
                cwd=command.folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Return when ``ready`` says so.

        Raises:
            ChildFailed: it ended first, or ``timeout`` seconds passed.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive:
                raise ChildFailed(f"{self.command.name} ended at start-up: {self._tail()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.command.name} did not answer in {timeout:.0f} s: {self._tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end; when its patience runs out, kill it. Ending twice is harmless."""
        if self.alive:
            self._process.send_signal(self.command.stop_signal)
        try:
            self._process.wait(self.command.patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(KILL_AFTER)

    def _tail(self) -> str:
        return self.command.log.read_bytes()[-LOG_TAIL:].decode(errors="replace").strip()
