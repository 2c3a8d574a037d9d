"""A real MLflow tracking server from its wheel, in a process of its own environment: ``.venv/tools/mlflow``."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "tools" / "mlflow" / "bin" / "python"
LOG_MODEL = ROOT / "tests" / "tools" / "log_model.py"
START_SECONDS = 60.0
ENVIRON = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""MLflow's own switches for webhooks to this machine; nothing is sent elsewhere."""


@dataclass(frozen=True)
class Mlflow:
    """A running server."""

    url: str
    http: httpx.Client

    def log_models(self, *names: str) -> None:
        """Log models with MLflow's own client, in one run, and register a version of each."""
        words = [str(PYTHON), str(LOG_MODEL), self.url, *names]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=_environ())
        assert done.returncode == 0, done.stderr

    def webhook(self, url: str, secret: str) -> str:
        """A webhook for new versions and for what else is told of them; its id."""
        events = [
            {"entity": "MODEL_VERSION", "action": "CREATED"},
            {"entity": "MODEL_VERSION_TAG", "action": "SET"},
            {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
        ]
        body = {"name": "scotoma", "url": url, "events": events, "secret": secret, "status": "ACTIVE"}
        return str(self.post("/webhooks", body)["webhook"]["webhook_id"])

    def version(self, name: str, version: str) -> dict[str, Any]:
        """A model version; its tags as a mapping."""
        found = self.get("/model-versions/get", name=name, version=version)["model_version"]
        return {**found, "tags": {tag["key"]: tag["value"] for tag in found.get("tags", [])}}

    def run(self, run: str) -> dict[str, Any]:
        """A run: its metrics, parameters and tags as mappings."""
        found = self.get("/runs/get", run_id=run)["run"]
        data = {
            what: {item["key"]: item["value"] for item in found["data"].get(what, [])}
            for what in ("metrics", "params", "tags")
        }
        return {**data, "uri": found["info"]["artifact_uri"], "info": found["info"]}

    def artifact(self, run: str, path: str) -> bytes:
        """A file of a run."""
        answer = self.http.get("/get-artifact", params={"run_id": run, "path": path})
        answer.raise_for_status()
        return answer.content

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """``GET`` below the REST API."""
        return _understood(self.http.get(f"/api/2.0/mlflow{path}", params=params))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """``POST`` below the REST API."""
        return _understood(self.http.post(f"/api/2.0/mlflow{path}", json=body))


@contextmanager
def mlflow_server(folder: Path) -> Iterator[Mlflow]:
    """A server with SQLite and its own artifact proxy in ``folder``, until the block ends."""
    assert PYTHON.exists(), "MLflow is not installed: run 'make test', or 'make .venv/tools/mlflow/.installed'"
    port = _free_port()
    words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./artifacts"]
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            [str(PYTHON), *words, *stores],
            cwd=folder,
            env=_environ(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=30) as http:
            _wait(http, process, folder / "mlflow.log")
            yield Mlflow(url, http)
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _environ() -> dict[str, str]:
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {**os.environ, **ENVIRON, "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": key}


def _wait(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if http.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"MLflow did not start: {log.read_text()[-3000:]}")


def _understood(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
