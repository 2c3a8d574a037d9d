"""Answers of strangers: what is small on the wire stays small."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from services.errors import RegistryRefused
from services.outbound.bodies import BadAnswer, limited, parsed
from services.outbound.client import outbound_client
from services.outbound.pace import LeastRate
from services.registries.mlflow.server import MlflowServer


@contextmanager
def answering(body: bytes, encoding: str = "", pieces: int = 1, pause: float = 0.0) -> Iterator[str]:
    """A server with one answer, sent in ``pieces`` with ``pause`` seconds after each."""
    gone = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if encoding:
                self.send_header("Content-Encoding", encoding)
            self.end_headers()
            size = -(-len(body) // pieces)
            try:
                for start in range(0, len(body), size):
                    self.wfile.write(body[start : start + size])
                    if gone.wait(pause):
                        return
            except OSError:
                pass

        do_POST = do_GET

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        gone.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP, gzip", "x", "identity, gzip"])
def test_an_encoded_answer_is_never_decoded(encoding: str) -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 2**20))
    with answering(bomb, encoding) as url, outbound_client(True, 5) as client, client.stream("GET", url) as answer:
        with pytest.raises(BadAnswer, match="encoded"):
            limited(answer, 2**30)
        assert answer.num_bytes_downloaded == 0


def test_an_answer_has_a_length() -> None:
    with answering(b"x" * 101, "identity") as url, outbound_client(True, 5) as client:
        with client.stream("GET", url) as answer, pytest.raises(BadAnswer, match="longer"):
            limited(answer, 100)
        with client.stream("GET", url) as answer:
            assert limited(answer, 101) == b"x" * 101


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b"{", b"\xff", b""])
def test_what_cannot_be_parsed_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        parsed(body)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"[" * 200_000, ""), (b"[]", ""), (b'"a"', ""), (gzip.compress(b"{}"), "gzip"), (b"x" * (9 * 2**20), "")],
)
def test_a_registry_that_answers_so_is_refused(body: bytes, encoding: str) -> None:
    with answering(body, encoding) as url, outbound_client(True, 5) as client, pytest.raises(RegistryRefused):
        MlflowServer(client, url).get("/model-versions/get")


LISTED = [
    {"path": "../../secret.onnx"},
    {"path": ".."},
    {"path": "/etc/model.onnx"},
    {"path": "a\\model.onnx"},
    {"path": "model\0.onnx"},
    {"path": "x" * 100_000 + ".onnx"},
    {"path": ""},
    {"path": None},
    {"path": "model.onnx", "file_size": -1},
    {"path": "model.onnx", "file_size": "many"},
    {"path": "model.onnx", "file_size": 10**400},
    "model.onnx",
    None,
]


@pytest.mark.parametrize("item", LISTED, ids=[str(number) for number in range(len(LISTED))])
def test_a_listing_holds_names_of_files_in_their_folder(item: object) -> None:
    body = json.dumps({"files": [item]}).encode()
    with answering(body) as url, outbound_client(True, 5) as client, pytest.raises(RegistryRefused):
        MlflowServer(client, url).files("1/models")


def test_a_slow_answer_is_given_up_and_a_quick_one_is_not() -> None:
    rate = LeastRate(first=5.0, per_second=64 * 1024, window=0.2)
    with answering(b"x" * 2000, pieces=2000, pause=0.01) as url, pytest.raises(httpx.ReadTimeout):
        read(url, rate)
    with answering(b"x" * 2**20, pieces=20, pause=0.02) as url:
        assert read(url, rate) == 2**20


def test_an_answer_that_stalls_is_given_up_before_the_whole_exchange_is_over() -> None:
    rate = LeastRate(first=5.0, per_second=1, window=0.2)
    with answering(b"x" * 20, pieces=2, pause=600) as url, pytest.raises(httpx.ReadTimeout):
        read(url, rate)


def read(url: str, rate: LeastRate) -> int:
    with outbound_client(True, 600, rate=rate) as client, client.stream("GET", url) as answer:
        return len(limited(answer, 2**20))
