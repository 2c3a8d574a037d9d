"""The whole service on one data folder: started in order, watched, stopped in reverse."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from schemas.api_keys import ApiKeyCreate, Scope
from services.api_keys import service as api_keys
from services.db.engine import make_engine, make_session_factory, transaction
from services.db.migrate import migrate
from services.settings import Settings, load_settings, settings_environ
from services.storage.client import bucket_of, ensure_bucket

from .child import Child, ChildFailed, Command
from .folder import HOST, DataFolder
from .postgres import Postgres
from .seaweed import Seaweed

API_PORT = 8000
START_SECONDS = 120.0
KEY_FILE = "admin.key"
ROOT = Path(__file__).parents[2]
"""The packages are run from here, never installed."""

Tell = Callable[[str, float], None]
"""Told of each step that is done, and how many seconds it took."""


class Stack:
    """Database, object storage, API and dispatcher. A context manager: what was started is stopped, in reverse.

    Raises:
        FolderInUse: another stack runs on ``folder``.
    """

    def __init__(
        self, folder: Path, port: int = API_PORT, host: str = HOST, dispatcher: tuple[str, ...] = ("services.dispatch",)
    ) -> None:
        self.folder = DataFolder(folder)
        self._dispatch_words = dispatcher
        self._exit = ExitStack()
        self._exit.callback(self.folder.close)
        self._ports = self.folder.ports({"api": port})
        secrets = self.folder.secrets()
        self._postgres = Postgres(
            self.folder.path / "postgres",
            self._ports["postgres"],
            secrets["database_password"],
            self.folder.log("postgres"),
        )
        self._seaweed = Seaweed(
            self.folder.path / "objects",
            self._ports,
            secrets["s3_access_key"],
            secrets["s3_secret_key"],
            self.folder.log("objects"),
        )
        self.settings = self._settings(host)
        self.api_key = ""
        self._services: dict[str, Child] = {}

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{HOST}:{self._ports['api']}"

    @property
    def key_file(self) -> Path:
        """The file that holds the administrator's API key."""
        return self.folder.path / KEY_FILE

    def start(self, tell: Tell) -> None:
        """Start everything that can start at once, then wait for each. Call from the main thread.

        Raises:
            ChildFailed: a part did not start; what had started is stopped.
        """
        try:
            for name, step in self._steps().items():
                began = time.monotonic()
                step()
                tell(name, time.monotonic() - began)
        except BaseException:
            self.stop()
            raise

    def supervise(self) -> list[str]:
        """Start the API or the dispatcher again if one ended; return their names. Their state is in the database.

        Raises:
            ChildFailed: the database or the object storage ended.
        """
        for name, server in (("database", self._postgres), ("object storage", self._seaweed)):
            if not server.alive:
                raise ChildFailed(f"the {name} ended; see {self.folder.path / 'logs'}")
        ended = [name for name, child in self._services.items() if not child.alive]
        for name in ended:
            self._launch(name)
        return ended

    def stop(self) -> None:
        """Stop what was started, in reverse order. Stopping twice is harmless."""
        self._exit.close()

    def _steps(self) -> dict[str, Callable[[], None]]:
        return {
            "database": self._start_servers,
            "schema": self._migrate,
            "object storage": self._finish_storage,
            "admin key": self._provide_key,
            "API": self._wait_for_api,
            "dispatcher and Ray": self._wait_for_dispatcher,
        }

    def _start_servers(self) -> None:
        self._exit.callback(self._postgres.stop)
        self._exit.callback(self._seaweed.stop)
        self._seaweed.launch()
        self._postgres.start()

    def _migrate(self) -> None:
        migrate(self._postgres.url())
        self._ready_file.unlink(missing_ok=True)
        self._exit.callback(self._stop_services)
        for name in ("dispatcher", "api"):
            self._launch(name)

    def _finish_storage(self) -> None:
        self._seaweed.wait()
        ensure_bucket(bucket_of(self.settings))

    def _provide_key(self) -> None:
        """At the first run, make a key for the administrator and keep it where only the owner can read it."""
        if not self.key_file.exists():
            engine = make_engine(self._postgres.url())
            with transaction(make_session_factory(engine)) as session:
                created = api_keys.create(session, ApiKeyCreate(name="embedded administrator", scope=Scope.ADMIN))
                self.folder.write_private(KEY_FILE, created.secret)
            engine.dispose()
        self.api_key = self.key_file.read_text().strip()

    def _wait_for_api(self) -> None:
        self._services["api"].wait_until(self._api_is_ready, START_SECONDS)

    def _wait_for_dispatcher(self) -> None:
        self._services["dispatcher"].wait_until(self._ready_file.exists, START_SECONDS)

    @property
    def _ready_file(self) -> Path:
        return self.folder.path / "dispatcher.ready"

    def _launch(self, name: str) -> None:
        words = {"api": ("services.api",), "dispatcher": self._dispatch_words}[name]
        environ = {**os.environ, **settings_environ(self.settings), "RAY_USAGE_STATS_ENABLED": "0"}
        command = Command(
            name,
            [sys.executable, "-m", *words],
            self.folder.log(name),
            environ,
            death_signal=signal.SIGTERM,
            folder=ROOT,
        )
        self._services[name] = Child(command)

    def _stop_services(self) -> None:
        for name in ("dispatcher", "api"):
            if name in self._services:
                self._services.pop(name).stop()

    def _settings(self, host: str) -> Settings:
        """Settings of this stack; limits and the like may come from the environment."""
        secrets = self.folder.secrets()
        kept = {"SCOTOMA_SECRET_KEY": secrets["secret_key"], "SCOTOMA_SIGNING_KEY": secrets["signing_key"]}
        own = {
            "SCOTOMA_DATABASE_URL": self._postgres.url(),
            "SCOTOMA_S3_ENDPOINT": self._seaweed.endpoint,
            "SCOTOMA_S3_BUCKET": "scotoma",
            "SCOTOMA_S3_ACCESS_KEY": secrets["s3_access_key"],
            "SCOTOMA_S3_SECRET_KEY": secrets["s3_secret_key"],
            "SCOTOMA_API_HOST": host,
            "SCOTOMA_API_PORT": str(self._ports["api"]),
            "SCOTOMA_READY_FILE": str(self.folder.path / "dispatcher.ready"),
        }
        return load_settings({**kept, **os.environ, **own})

    def _api_is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._ports["api"], timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
