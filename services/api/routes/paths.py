"""Ids in paths."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

Id = Annotated[str, Path(pattern=r"^[a-z]{2,4}_[0-9a-z]{16,40}$")]
