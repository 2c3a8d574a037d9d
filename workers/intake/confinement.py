"""Takes rights away from the current process for good: resources, network, programs, files outside its folder.

Several layers, because none is there on every machine: resource limits and the audit hook always; the network namespace
where the kernel permits it; seccomp on Linux x86-64 and arm64.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any

from .limits import Limits

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 38, 22, 2
SECCOMP_ALLOW, SECCOMP_REFUSE = 0x7FFF0000, 0x00050000 | 1  # refuse: errno EPERM
AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000
REFUSED_CALLS = {
    # socket socketpair connect bind sendto | fork vfork execve execveat | ptrace setsid setpgid | mount unshare setns
    # process_vm_readv/writev io_uring_setup bpf userfaultfd symlink symlinkat link linkat
    "x86_64": (41, 53, 42, 49, 44, 57, 58, 59, 322, 101, 112, 109, 165, 272, 308, 310, 311, 425, 321, 323, 88, 266, 86,
               265),
    "aarch64": (198, 199, 203, 200, 206, 221, 281, 117, 157, 154, 40, 97, 268, 270, 271, 425, 280, 282, 36, 37),
}  # fmt: skip
FORBIDDEN_EVENTS = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.kill", "os.symlink",
    "os.link", "os.chmod", "os.chown", "os.remove", "os.rename", "os.rmdir", "os.truncate", "ctypes.dlopen", "pty.",
    "shutil.", "ftplib.", "http.", "smtplib.", "urllib.",
)  # fmt: skip
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine(limits: Limits, folder: Path) -> None:
    """Confine this process to ``limits`` and, for writing, to ``folder``. It cannot be undone."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.unshare(CLONE_NEWNET)  # refused without the right to; seccomp and the hook stand then
    _set_limits(limits)
    _refuse_system_calls(libc)
    _watch(folder.resolve())


def _set_limits(limits: Limits) -> None:
    for kind, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),  # first SIGXCPU, which tells why
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        capped = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(kind, (min(soft, capped), capped))


def _refuse_system_calls(libc: ctypes.CDLL) -> None:
    machine = platform.machine()
    if sys.platform != "linux" or machine not in REFUSED_CALLS:
        return
    program = _filter_program(AUDIT_ARCHITECTURE[machine], REFUSED_CALLS[machine])
    buffer = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer)))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)


def _filter_program(architecture: int, calls: tuple[int, ...]) -> bytes:
    """Classic BPF over ``struct seccomp_data``: refuse another architecture, the x32 calls, and each of ``calls``."""
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse_after = len(calls)
    steps = [
        (load, 0, 0, 4),  # architecture
        (equal, 0, refuse_after + 3, architecture),
        (load, 0, 0, 0),  # number of the call
        (at_least, refuse_after + 1, 0, X32_BIT),
        *((equal, refuse_after - i, 0, call) for i, call in enumerate(calls)),
        (answer, 0, 0, SECCOMP_ALLOW),
        (answer, 0, 0, SECCOMP_REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _watch(folder: Path) -> None:
    """Install the audit hook: Python code can neither reach the network or other programs nor write outside."""
    prefix = str(folder) + os.sep

    def hook(event: str, details: tuple[Any, ...]) -> None:
        if event.startswith(FORBIDDEN_EVENTS):
            raise PermissionError(f"{event} is not allowed while reading an upload")
        if event == "open" and _writes(details) and not os.path.realpath(os.fsdecode(details[0])).startswith(prefix):
            raise PermissionError("writing outside the private folder is not allowed while reading an upload")

    sys.addaudithook(hook)


def _writes(details: tuple[Any, ...]) -> bool:
    path, mode, flags = details
    if not isinstance(path, str | bytes):
        return False
    by_mode = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return by_mode or (isinstance(flags, int) and bool(flags & WRITE_FLAGS))
