"""The inside of the sandbox: confine this process, then call one function on the files of the request."""

from __future__ import annotations

import errno
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.problems import ErrorCode
from workers.errors import WorkerError

from .confinement import confine
from .limits import Limits
from .sandbox import crashed, limit_exceeded

Guest = Callable[[dict[str, bytes], dict[str, Any]], tuple[Any, dict[str, bytes]]]
LIMIT_ERRNOS = {errno.EFBIG: "written files", errno.EMFILE: "open files", errno.ENOMEM: "memory"}


def main() -> None:
    """Serve the request in the folder ``sys.argv[1]`` and write ``out/answer.json``."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text())
    guest = _load(request["function"])
    files = {name: (folder / "in" / name).read_bytes() for name in request["files"]}
    sys.dont_write_bytecode = True
    with (folder / "out" / "answer.json").open("w") as answer:  # opened now: later there may be no descriptor left
        confine(Limits(**request["limits"]), folder)
        json.dump(_serve(guest, files, request["arguments"], folder / "out"), answer)


def _load(function: str) -> Guest:
    """Import the guest before confinement: the importer may read, and write its caches."""
    module, _, name = function.partition(":")
    guest: Guest = getattr(importlib.import_module(module), name)
    return guest


def _serve(guest: Guest, files: dict[str, bytes], arguments: dict[str, Any], out: Path) -> dict[str, Any]:
    """The answer of ``guest``; its failures become refusals."""
    try:
        value, outputs = guest(files, arguments)
        for name, data in outputs.items():
            (out / name).write_bytes(data)
    except WorkerError as error:
        return _refusal(error)
    except MemoryError:
        return _refusal(limit_exceeded("reading the file needs more memory than allowed"))
    except OSError as error:
        what = LIMIT_ERRNOS.get(error.errno or 0)
        if what is None:
            return _refusal(_broken(error))
        return _refusal(limit_exceeded(f"reading the file goes over the limit on {what}"))
    except Exception as error:
        return _refusal(_broken(error))
    return {"outcome": "returned", "value": value, "files": sorted(outputs)}


def _broken(error: Exception) -> WorkerError:
    text = " ".join(str(error).split())[:200]
    return crashed(f"the reader stopped with {type(error).__name__}: {text}")


def _refusal(error: WorkerError) -> dict[str, Any]:
    code = ErrorCode(error.code)
    return {"outcome": "refused", "code": code.value, "detail": error.detail, "advice": error.advice}
