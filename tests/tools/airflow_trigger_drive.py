"""Runs in Airflow's own environment: the trigger against a server that is busy for a while. Prints what it told."""

from __future__ import annotations

import asyncio
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import scotoma_airflow
from scotoma_airflow import ScotomaAuditTrigger

ANSWERS = iter(json.loads(os.environ["SCOTOMA_CASE"])["answers"])


class Busy(BaseHTTPRequestHandler):
    """Answers each question with the next status."""

    def do_GET(self) -> None:
        """The audit has succeeded, where it is told at all."""
        body = json.dumps({"state": "succeeded"}).encode()
        self.send_response(next(ANSWERS))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: stdout is the answer."""


async def fired(trigger: ScotomaAuditTrigger) -> dict[str, object]:
    """The payload of the trigger's one event."""
    async for event in trigger.run():
        return dict(event.payload)
    raise RuntimeError("the trigger never fired")


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Busy)
    Thread(target=server.serve_forever, daemon=True).start()
    scotoma_airflow.ScotomaHook.address = lambda _: (f"http://127.0.0.1:{server.server_port}", "scot_x")
    print("TOLD", json.dumps(asyncio.run(fired(ScotomaAuditTrigger("aud_0123456789abcdef", poll_seconds=0.01)))))
