"""A running API for tests: in a thread of this process, or as the real command in its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from schemas.api_keys import ApiKeyCreate, Scope
from schemas.audits import StageProgress, StageState
from schemas.projects import DEFAULT_PROJECT, ProjectCreate
from schemas.results import AuditResult, Sheets
from services.api.app import create_app
from services.api_keys import service as api_keys
from services.db.engine import SessionFactory, make_session_factory, scoped, transaction
from services.db.tables import AuditArtifactRow
from services.dispatch import journal
from services.projects import service as projects
from services.settings import Settings, settings_environ
from services.storage.blobs import S3BlobStore

ROOT = Path(__file__).parents[2]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The API on a free port, in a thread; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False)
    socket = config.bind_socket()
    socket.listen()  # who connects before the server has started waits for it
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        socket.close()


@contextmanager
def served_by_process(settings: Settings, root: Path = ROOT) -> Iterator[str]:
    """``python -m services.api`` from the folder ``root`` on a free port; yields its address when it listens."""
    command = [sys.executable, "-m", "services.api"]
    environ = {**os.environ, **settings_environ(settings)}
    process = subprocess.Popen(command, cwd=root, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{_port_of(process)}"
    finally:
        process.terminate()
        process.communicate()


def _port_of(process: subprocess.Popen[str]) -> int:
    lines = []
    for line in process.stderr or []:
        lines.append(line)
        if '"api listening"' in line:
            threading.Thread(target=lambda: [None for _ in process.stderr or []], daemon=True).start()
            return int(json.loads(line)["port"])
    raise RuntimeError("the API did not start: " + "".join(lines))


@dataclass
class Api:
    """A served API, its database and storage, and a key per scope."""

    url: str
    factory: SessionFactory
    store: S3BlobStore
    settings: Settings
    keys: dict[Scope, str] = field(default_factory=dict)
    project: str = DEFAULT_PROJECT

    def of_project(self, name: str, **limits: int) -> Api:
        """The same API as a new project sees it: its own keys and objects."""
        with transaction(self.factory) as session:
            made = projects.create(session, ProjectCreate(name=name, **limits)).id
        return replace(self, store=self.store.of_project(made), keys={}, project=made)

    def key(self, scope: Scope = Scope.SUBMITTER) -> str:
        """The secret of a key with ``scope``."""
        if scope not in self.keys:
            self.keys[scope] = self.new_key(scope)
        return self.keys[scope]

    def new_key(self, scope: Scope) -> str:
        """The secret of a fresh key."""
        with transaction(self.factory) as session:
            return api_keys.create(session, ApiKeyCreate(name=f"test {scope}", scope=scope), self.project).secret

    def http(self, scope: Scope | None = Scope.SUBMITTER, **headers: str) -> httpx.Client:
        """An HTTP client that sends the key of ``scope``."""
        if scope is not None:
            headers["Authorization"] = f"Bearer {self.key(scope)}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def run(self, audit: str) -> None:
        """Move a queued audit to running, as the dispatcher does."""
        with scoped(self.factory, self.project) as session:
            journal.begin(session, audit, 1, lost=False)

    def stage(self, audit: str, stage: str, state: StageState = StageState.DONE) -> None:
        """Report the progress of a stage."""
        progress = StageProgress(stage=stage, state=state, fraction=1.0, seconds=0.5)
        with scoped(self.factory, self.project) as session:
            journal.progress(session, audit, [progress], [progress], 0.5)

    def succeed(self, audit: str, result: AuditResult, sheets: Sheets | None = None) -> None:
        """Publish a result, as the dispatcher does: blobs first, rows second."""
        data = result.model_dump_json().encode()
        digest = self.store.put(data, "application/json")
        rows = [artifact_row(audit, "result", digest, len(data), "application/json")]
        if sheets is not None:
            pictures = sheets.model_dump_json().encode()
            rows.append(artifact_row(audit, "sheets", self.store.put(pictures), len(pictures), "application/json"))
        with scoped(self.factory, self.project) as session:
            journal.succeed(session, audit, digest, rows)


def artifact_row(audit: str, role: str, digest: str, size: int, media_type: str) -> AuditArtifactRow:
    """A row of an artifact."""
    return AuditArtifactRow(audit_id=audit, role=role, digest=digest, bytes=size, media_type=media_type)


@contextmanager
def api_in_thread(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    """:class:`Api` served from a thread."""
    with served(create_app(settings)) as url:
        yield Api(url, make_session_factory(engine), store, settings)
