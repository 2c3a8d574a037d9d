"""Projects: a team with its own keys, files, audits and limits; nothing of one is seen from another."""

from __future__ import annotations

from typing import Final

DEFAULT_PROJECT: Final = "prj_" + "0" * 24
"""The project that every installation has; rows from before projects are its. Its administrators manage the others."""
