"""The script of ``helm test``, against real sockets: it fails when a port is open, and when it proved nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.builders.charts import CHART, EXTERNAL, manifests, named

SCRIPT = CHART / "files/ports_closed.py"
HOST = "127.0.0.1"


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """A port that answers, and one that does not."""
    with ExitStack() as stack:
        listening, closed = (stack.enter_context(socket.socket()) for _ in range(2))
        for one in (listening, closed):
            one.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1], closed.getsockname()[1]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [str(argument) for argument in arguments]
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.read_text(), *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_closed_ports_pass(ports: tuple[int, int]) -> None:
    opened, closed = ports
    assert run(1, HOST, closed, "--", HOST, opened).returncode == 0
    assert run(1, HOST, closed, "--").returncode == 0


def test_an_open_port_fails_and_is_named(ports: tuple[int, int]) -> None:
    opened, closed = ports
    done = run(1, HOST, closed, opened, "--", HOST, opened)
    assert (done.returncode, f"[{opened}]" in done.stderr) == (1, True)


def test_a_head_that_does_not_exist_proves_nothing() -> None:
    done = run(1, "no-such-head.invalid", 6379, "--")
    assert (done.returncode, "nothing proven" in done.stderr) == (1, True)


def test_a_network_that_lets_nothing_through_proves_nothing(ports: tuple[int, int]) -> None:
    _, closed = ports
    done = run(0.2, HOST, closed, "--", HOST, closed)
    assert (done.returncode, "out of reach as well" in done.stderr) == (1, True)


def test_the_pod_runs_this_script_on_the_ports_of_ray() -> None:
    (container,) = named(manifests(EXTERNAL), "Pod", "test-ports-closed")["spec"]["containers"]
    code, seconds, host, *rest = container["args"]
    assert code.strip() == SCRIPT.read_text().strip()
    assert (seconds, host) == ("3", "rel-scotoma-head-svc")
    assert {"6379", "8265", "10001"} <= set(rest)
    assert rest[rest.index("--") :] == ["--", "rel-scotoma-api", "80"]
