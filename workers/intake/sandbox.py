"""Runs a function on untrusted bytes in a disposable child process, and brings back JSON and files.

The child is a fresh interpreter in an empty private folder with an empty environment, limits on memory, time, files and
descriptors, and no network (``workers.intake.confinement``). Whatever happens to it, the caller gets an
:class:`IntakeError`. Design: research/platform.md 5.2 and 5.3.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .limits import MIB, Limits

ENVIRONMENT = {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
BOOTSTRAP = "import sys; sys.path[:] = {path!r}; from workers.intake.child import main; main()"
ANSWER_BYTES = 32 * MIB
OUTPUT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
LIMIT_ADVICE = "Upload a smaller or simpler file; the limits are listed in the documentation of intake."


@dataclass(frozen=True)
class Answer:
    """What a sandboxed function returned: a JSON value and named files."""

    value: Any
    files: dict[str, bytes] = field(default_factory=dict)


def run_sandboxed(
    function: str, files: dict[str, bytes], arguments: dict[str, Any], limits: Limits | None = None
) -> Answer:
    """Run ``function`` (``"module:name"``) as ``function(files, arguments) -> (json value, files)`` in a child process.

    Raises:
        IntakeError: the function refused the input (its own code), went over a limit (``INTAKE_LIMIT_EXCEEDED``), or
            broke (``INTAKE_CRASHED``).
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="scotoma-intake-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _write_request(folder, function, files, arguments, limits)
        returncode = _run_child(folder, limits)
        return _read_answer(folder, returncode, limits)


def _write_request(
    folder: Path, function: str, files: dict[str, bytes], arguments: dict[str, Any], limits: Limits
) -> None:
    for part in ("in", "out", "cwd"):
        (folder / part).mkdir(mode=0o700)
    for name, data in files.items():
        (folder / "in" / name).write_bytes(data)
    request = {"function": function, "files": sorted(files), "arguments": arguments, "limits": asdict(limits)}
    (folder / "request.json").write_text(json.dumps(request))


def _run_child(folder: Path, limits: Limits) -> int:
    """Start the child in its own process group, wait, and leave nothing of the group alive."""
    root = str(Path(__file__).resolve().parents[2])
    path = [root, *(entry for entry in sys.path if entry and entry != root)]
    command = [sys.executable, "-I", "-c", BOOTSTRAP.format(path=path), str(folder)]
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(
        command, cwd=folder / "cwd", env=ENVIRONMENT, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        return child.wait(timeout=limits.wall_seconds)
    except subprocess.TimeoutExpired:
        raise limit_exceeded(f"reading the file took longer than {limits.wall_seconds:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _read_answer(folder: Path, returncode: int, limits: Limits) -> Answer:
    if returncode < 0:
        raise _killed(-returncode)
    try:
        answer = json.loads(_read_plain_file(folder / "out" / "answer.json", ANSWER_BYTES))
        if answer["outcome"] != "returned":
            raise IntakeError(ErrorCode(answer["code"]), str(answer["detail"]), str(answer["advice"]))
        names = [name for name in answer["files"] if OUTPUT_NAME.fullmatch(name)]
        outputs = {name: _read_plain_file(folder / "out" / name, limits.file_bytes) for name in names}
        return Answer(answer["value"], outputs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise crashed(f"the reader left no usable answer (exit status {returncode})") from error


def _read_plain_file(path: Path, cap: int) -> bytes:
    """Bytes of a regular file; a link that a hostile child left behind is not followed.

    Raises:
        OSError: no such file, a link, or larger than ``cap``.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > cap:
            raise OSError(f"{path.name} is no plain file of at most {cap} bytes")
        return file.read(cap + 1)


def _killed(number: int) -> IntakeError:
    if number == signal.SIGXCPU:
        return limit_exceeded("reading the file took too much processor time")
    if number == signal.SIGKILL:
        return limit_exceeded("the reader was killed: out of memory or processor time")
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return crashed(f"the reader was ended by {name}")


def limit_exceeded(detail: str) -> IntakeError:
    """The refusal of a file that costs too much to read."""
    return IntakeError(ErrorCode.INTAKE_LIMIT_EXCEEDED, detail, LIMIT_ADVICE)


def crashed(detail: str) -> IntakeError:
    """The refusal of a file that broke its reader."""
    return IntakeError(
        ErrorCode.INTAKE_CRASHED, detail, "The file is damaged or hostile; write it again with a current exporter."
    )
