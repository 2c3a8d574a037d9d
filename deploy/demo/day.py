"""``make day``: a day in a pipeline, with the commands that a pipeline runs, against the real service on this machine.

Version 1 is audited, keeps the policy and is released. Version 2 uses colour: the schedule finds it, the gate fails
with exit code 1, a signed webhook says so, and a comparison shows what changed. What was run and what it answered goes
into ``day.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console
from standardwebhooks import Webhook

from services.embedded.stack import ROOT, Stack

from .digits import write_dataset

HERE = Path(__file__).parent
PATIENCE = 900.0
"""Seconds for the longest wait: a cold audit on a slow machine."""
POLICY = """\
version: 1
name: digits release
rules:
  - must_ignore: hue
  - must_not_ignore: label
"""
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

console = Console(highlight=False)


class Receiver:
    """Somebody's endpoint: keeps what arrives, after its signature was checked with the receiver's own library."""

    def __init__(self) -> None:
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name is the library's
                body = self.rfile.read(int(self.headers["Content-Length"]))
                Webhook(receiver.secret).verify(body, dict(self.headers))
                receiver.events.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing: the transcript is the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class Day:
    """The commands of the day, run one by one; their output is shown and kept."""

    def __init__(self, stack: Stack, work: Path) -> None:
        self.work = work
        self.lines: list[str] = []
        self._environ = {
            **os.environ,
            "SCOTOMA_URL": stack.url,
            "SCOTOMA_API_KEY": stack.api_key,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    def say(self, text: str) -> None:
        """A paragraph."""
        console.print(f"\n{text}", style="bold")
        self.lines += [text, ""]

    def scotoma(self, *words: str, code: int = 0, hide: str = "") -> str:
        """Run ``scotoma WORDS`` and require its exit code; what it wrote on stdout.

        Raises:
            RuntimeError: it ended with another code.
        """
        shown = "$ scotoma " + " ".join(f'"{word}"' if " " in word or "*" in word else word for word in words)
        console.print(shown, markup=False)
        command = [sys.executable, "-m", "schemas.client.cli", *words]
        done = subprocess.run(command, cwd=self.work, env=self._environ, capture_output=True, text=True, check=False)
        said = _tidy(done.stderr + done.stdout)
        said = said.replace(hide, "whsec_…") if hide else said
        console.print(said, markup=False)
        self.lines += ["```console", shown, said, *([f"$ echo $?\n{code}"] if code else []), "```", ""]
        if done.returncode != code:
            raise RuntimeError(f"exit code {done.returncode} instead of {code}: {done.stderr}")
        return done.stdout

    def show(self, language: str, text: str) -> None:
        """A block that is no command's output."""
        console.print(text, markup=False)
        self.lines += [f"```{language}", text, "```", ""]


def run(day: Day, receiver: Receiver) -> None:
    """The whole day."""
    push_version_1(day)
    audit = release_version_1(day)
    schedule = plan_the_night(day, audit, receiver)
    later = watch_version_2(day, schedule)
    hear_of_it(day, receiver, later)
    see_what_changed(day, audit, later)


def push_version_1(day: Day) -> None:
    """Files, policy, names."""
    day.say("The team's policy: digits may come in any colour, so the answer must not depend on it.")
    (day.work / "policy.yaml").write_text(POLICY)
    day.show("yaml", POLICY.rstrip())
    day.say("Morning: version 1 comes out of training. The pipeline pushes it under the model's name.")
    day.scotoma("classifier", "push", "v1.onnx", "--name", "digits", "--classes", "classes.txt")


def release_version_1(day: Day) -> str:
    """Audit with the gate in one line; the id of the audit."""
    day.say("One line audits it and holds it to the policy. Exit code 0: it may be released.")
    inputs = ("--classes", "classes.txt", "--attribute", "hue=circular:1.0")
    files = ("--junit", "policy.xml", "--sarif", "policy.sarif", "--output", "v1")
    day.scotoma("audit", "run", "v1.onnx", "digits.npz", *inputs, "--policy", "policy.yaml", *files)
    (result,) = (day.work / "v1").glob("*.json")
    return str(json.loads(result.read_text())["audit"]["id"])


def plan_the_night(day: Day, audit: str, receiver: Receiver) -> str:
    """Policy into the service, a schedule on the newest version, somebody to be told; the schedule's id."""
    day.say("From now on the service looks by itself: whatever is the newest version, every minute (a team would say "
            "every night), under the same policy. And it tells the release manager.")  # fmt: skip
    policy = day.scotoma("policy", "push", "policy.yaml").strip()
    data = json.loads(_silently(day, "audit", "show", audit, "--json"))["dataset"]
    schedule = day.scotoma(
        "schedule", "create", "newest digits", "* * * * *", data, "--classifier-name", "digits", "--policy-id", policy,
        "--baseline", audit, "--zone", "Europe/Berlin",
    ).strip().splitlines()[-1].split()[0]  # fmt: skip
    made = json.loads(
        _silently(day, "webhook", "create", "release manager", receiver.url, "--event", "audit.gated", "--json")
    )
    receiver.secret = made["secret"]
    day.scotoma("webhook", "list")
    return schedule


def watch_version_2(day: Day, schedule: str) -> str:
    """Push a version that uses colour, and wait for the schedule to find it; its audit."""
    day.say("Afternoon: version 2. It was trained where colour gave the digit away; nobody looked.")
    pushed = day.scotoma("classifier", "push", "v2.onnx", "--name", "digits", "--classes", "classes.txt")
    version_2 = pushed[pushed.index("clf_") :].split()[0]
    found: list[str] = []

    def fired() -> bool:
        for one in json.loads(_silently(day, "schedule", "occurrences", schedule, "--json")):
            if (
                one.get("audit")
                and json.loads(_silently(day, "audit", "show", one["audit"], "--json"))["classifier"] == version_2
            ):
                found.append(one["audit"])
        return bool(found)

    _wait(fired)
    _silently(day, "schedule", "pause", schedule)
    day.say("The schedule has fired. The job that waits for it gets exit code 1: the release stops.")
    day.scotoma("schedule", "occurrences", schedule)
    day.scotoma("audit", "watch", found[-1], code=1)
    return found[-1]


def hear_of_it(day: Day, receiver: Receiver, audit: str) -> None:
    """The webhook: signed, and about this audit."""
    mine: list[dict[str, Any]] = []

    def told() -> bool:
        mine[:] = [event for event in receiver.events if audit in json.dumps(event) and '"fail"' in json.dumps(event)]
        return bool(mine)

    _wait(told)
    day.say("The release manager's endpoint has received this, with a signature that its own library verified:")
    day.show("json", json.dumps(mine[0], indent=1))


def see_what_changed(day: Day, before: str, after: str) -> None:
    """The comparison, as a gate and as a page."""
    day.say("What happened between the two? The comparison measures the difference on the same images.")
    day.scotoma("compare", before, after, "--out", "comparison.html", "--fail-on", "became-used", code=1)
    day.say("The reports are for whoever asks later. They verify without a network or a service:")
    day.scotoma("report", "get", after, "--output", "v2.html")
    day.scotoma("report", "keys", "--output", "keys.json")
    day.scotoma("report", "verify", "v2.html", "--key", "keys.json")


def _silently(day: Day, *words: str) -> str:
    command = [sys.executable, "-m", "schemas.client.cli", *words]
    done = subprocess.run(command, cwd=day.work, env=day._environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > end:
            raise RuntimeError("what was waited for did not come")
        time.sleep(1.0)


def _tidy(text: str) -> str:
    """What stays of a terminal's output when the bars have gone by."""
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in COLOURS.sub("", text).splitlines()]
    return "\n".join(lines).strip("\n")


def main() -> int:
    """Entry point; 0 when everything came out as it must."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.day", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("demo/day"), help="where the files go")
    parser.add_argument("--folder", type=Path, help="the service's data; what was audited there is not audited again")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    work = options.out.resolve()
    for version, name in (("v1", "robust"), ("v2", "hue")):
        (work / f"{version}.onnx").write_bytes((HERE / f"{name}.onnx").read_bytes())
    write_dataset(work / "digits.npz")
    (work / "classes.txt").write_text("\n".join(map(str, range(10))) + "\n")
    with ExitStack() as parts:
        folder = options.folder or Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="scotoma-day-")))
        # The receiver is on this machine: the service must be told that such addresses are meant.
        parts.enter_context(patch.dict(os.environ, {"SCOTOMA_PRIVATE_NETWORKS": "true"}))
        receiver = Receiver()
        parts.callback(receiver.close)
        stack = parts.enter_context(Stack(folder, port=0))
        stack.start(lambda name, seconds: console.print(f"  [green]✓[/] {name:<20} {seconds:6.1f} s"))
        day = Day(stack, work)
        try:
            run(day, receiver)
        finally:
            (work / "day.md").write_text("\n".join(day.lines), encoding="utf-8")
    console.print(f"\n[bold]Done.[/] The transcript is {options.out / 'day.md'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
