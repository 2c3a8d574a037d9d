"""A server that speaks MLflow's REST API and misbehaves as told: what a real one does only on a bad day."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, bytes]
FILES = "/api/2.0/mlflow-artifacts/artifacts"
MODEL = b"onnx" * 1000


@dataclass
class Strange:
    """Its address, and what it answers by path.

    ``cut``: files break off after so many bytes. ``seen``: method, path and ``Authorization`` of what was asked.
    """

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    cut: int | None = None
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def says(self, path: str, value: Any, status: int = 200) -> None:
        """Answer ``path`` below the REST API so."""
        self.answers[f"/api/2.0/mlflow{path}"] = (status, json.dumps(value).encode())

    def holds(self, *files: tuple[str, int]) -> None:
        """What lies in the version's folder: names and sizes."""
        listed = [{"path": name, "is_dir": False, "file_size": size} for name, size in files]
        self.answers[FILES] = (200, json.dumps({"files": listed}).encode())


def usual() -> Strange:
    """As a good one: version 1 of ``digits`` is there, ``model.onnx`` beside ``MLmodel``."""
    made = Strange()
    made.says("/model-versions/get", {"model_version": {"name": "digits", "version": "1", "status": "READY"}})
    made.says("/model-versions/get-download-uri", {"artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts"})
    made.holds(("MLmodel", 10), ("model.onnx", len(MODEL)))
    made.answers[f"{FILES}/1/models/m-1/artifacts/model.onnx"] = (200, MODEL)
    return made


@contextmanager
def serving(strange: Strange) -> Iterator[Strange]:
    """Serve it on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(strange))
    server.daemon_threads = True
    strange.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield strange
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(strange: Strange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            strange.seen.append((self.command, parts.path, self.headers.get("Authorization", "")))
            status, body = strange.answers.get(parts.path, (404, b'{"message": "no such thing"}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: strange.cut] if parts.path.endswith(".onnx") else body)

        do_POST = do_PUT = do_GET

        def log_message(self, *words: object) -> None:
            pass

    return Handler
