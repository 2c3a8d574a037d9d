"""A digest of the source files that run: two installations with the same digest have the same code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from schemas.manifests.canonical import canonical
from schemas.scalars import Sha256

PACKAGES = ("schemas", "services", "workers")
LEFT_OUT = {"__pycache__"}


@cache
def source_digest() -> Sha256:
    """SHA-256 of the canonical JSON ``{path: SHA-256 of the file}`` over every file of the three packages."""
    found = {f"{package}/{path}": digest for package in PACKAGES for path, digest in _files(package)}
    return hashlib.sha256(canonical(found)).hexdigest()


def _files(package: str) -> Iterator[tuple[str, Sha256]]:
    spec = find_spec(package)
    for root in map(Path, (spec.submodule_search_locations if spec else None) or []):
        for file in sorted(root.rglob("*")):
            if file.is_file() and not LEFT_OUT & set(file.parts):
                yield file.relative_to(root).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()
