"""Run a command that dies with its parent, even when that is killed with -9. Run by path; imports nothing of ours.

``python leash.py PARENT SIGNAL USER COMMAND…``: leave the root account for USER (``-``: stay), ask the kernel for
SIGNAL when the parent ends (Linux), and become COMMAND.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Never returns: becomes the command, or exits when the parent is gone already."""
    parent, signal_number, user, *command = arguments
    if user != "-":
        _become(user)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - becoming the command is the purpose


def _become(user: str) -> None:
    import pwd

    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main(sys.argv[1:])
