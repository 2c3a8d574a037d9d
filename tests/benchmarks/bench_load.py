"""What the API takes on this machine: submits and polls, while nothing runs and while an audit has both cores.

The clients are threads of this process on kept connections; they share the machine with the service, as all does.
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from schemas.client import Client
from schemas.datasets import AttributeSpec
from schemas.results import FeatureKind
from services.embedded.stack import Stack

from .demo import classifier_file, columns
from .measurement import Measured

CLIENTS = 8
SECONDS = 15.0
HUE = {"hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}


@dataclass
class Load:
    """Times of the answers, in seconds, and how many were not what they should be."""

    times: list[float] = field(default_factory=list)
    wrong: int = 0

    def line(self, what: str) -> Measured:
        """Rate, median and the 99th percentile."""
        p50, p99 = np.percentile(self.times, [50, 99]) * 1000
        wrong = f", {self.wrong} WRONG" if self.wrong else ""
        value = f"{len(self.times) / SECONDS:.0f}/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms{wrong}"
        return Measured(f"API, {what}, {CLIENTS} clients", value)


@dataclass(frozen=True)
class Target:
    """A running service, what is polled and what is submitted."""

    host: str
    port: int
    key: str
    path: str
    body: bytes

    def poll(self, connection: http.client.HTTPConnection) -> bool:
        """Ask for ``path``; whether it was answered."""
        return self._ask(connection, "GET", self.path, b"") == 200

    def submit(self, connection: http.client.HTTPConnection) -> bool:
        """Queue another audit of the same files; whether it was taken."""
        return self._ask(connection, "POST", "/v1/audits", self.body) == 202

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> int:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if body:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def press(target: Target, ask: Callable[[http.client.HTTPConnection], bool]) -> Load:
    """``CLIENTS`` clients, each with its next request as soon as the last was answered."""
    load, until, lock = Load(), time.monotonic() + SECONDS, threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection(target.host, target.port, timeout=30)
        while time.monotonic() < until:
            began = time.perf_counter()
            right = ask(connection)
            with lock:
                load.times.append(time.perf_counter() - began)
                load.wrong += not right
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def bench(threads: int) -> Iterator[Measured]:
    """A service of its own with one audit slot; what is submitted waits, and goes with the folder."""
    del threads
    with (
        tempfile.TemporaryDirectory(prefix="scotoma-load-") as folder,
        patch.dict(os.environ, {"SCOTOMA_AUDIT_SLOTS": "1"}),
        Stack(Path(folder), port=0) as stack,
    ):
        stack.start(lambda name, seconds: None)
        with Client(stack.url, stack.api_key) as client:
            yield from _measure(stack, client, Path(folder))


def _measure(stack: Stack, client: Client, folder: Path) -> Iterator[Measured]:
    data, model = folder / "digits.npz", folder / "robust.onnx"
    np.savez(data, **columns())
    model.write_bytes(classifier_file())
    classifier = client.wait_for_intake(client.push_classifier(model, name="robust"))
    dataset = client.wait_for_intake(client.push_dataset(data, name="digits", attributes=HUE))
    host, _, port = stack.url.removeprefix("http://").partition(":")
    body = json.dumps({"classifier": classifier.id, "dataset": dataset.id}).encode()
    quiet = Target(host, int(port), stack.api_key, f"/v1/classifiers/{classifier.id}", body)
    yield press(quiet, quiet.poll).line("polls, nothing runs")
    audit = client.submit_audit(classifier.id, dataset.id, name="under load").id
    target = replace(quiet, path=f"/v1/audits/{audit}")
    _wait(lambda: client.audit(audit).progress > 0.05)
    for what, ask in (("polls", target.poll), ("submits", target.submit)):
        load = press(target, ask)
        yield load.line(f"{what} while an audit is {client.audit(audit).state}")


def _wait(until: Callable[[], bool]) -> None:
    while not until():
        time.sleep(0.5)
