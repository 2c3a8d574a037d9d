"""Functions that misbehave inside the sandbox, each in one way."""

from __future__ import annotations

import ctypes
import importlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

Result = tuple[Any, dict[str, bytes]]


def echo(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    return {"environment": sorted(os.environ), "cwd": [str(path) for path in Path().iterdir()], **arguments}, dict(
        files
    )


def hog_memory(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    return len([bytearray(64 * 2**20) for _ in range(1000)]), {}


def spin(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    while True:
        pass


def sleep(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    Path("../out/pid").write_text(str(os.getpid()))
    time.sleep(600)
    return None, {}


def fill_disk(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    with Path("filler").open("wb") as file:
        while True:
            file.write(bytes(2**20))


def open_many(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    return len([os.open("/dev/null", os.O_RDONLY) for _ in range(10_000)]), {}


def open_socket(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    return "connected", {}


def raw_socket(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    """Around the audit hook: the system call itself."""
    return LIBC.socket(2, 1, 0), {}


LIBC = ctypes.CDLL(None, use_errno=True)


def raw_programs(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    arguments_of_true = (ctypes.c_char_p * 2)(b"/bin/true", None)
    return LIBC.execv(b"/bin/true", arguments_of_true), {}


def run_program(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return "ran", {}


def write_outside(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    Path(arguments["path"]).write_text("outside")
    return "written", {}


def segfault(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    ctypes.string_at(0)
    return None, {}


def abort(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    os.abort()


def leave(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    os._exit(0)


def forge_answer(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    Path("../out/answer.json").write_text('["not", "an", "answer"]')
    os._exit(0)


def recurse(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    return recurse(files, arguments)


def start_threads(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    """What native libraries do and must stay able to do."""
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(done), {}


def link_output(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    Path("../out/stolen").symlink_to("/etc/passwd")
    return None, {}


def modules(files: dict[str, bytes], arguments: dict[str, Any]) -> Result:
    importlib.import_module(arguments["also"])
    return sorted(name for name in sys.modules if "." not in name), {}
