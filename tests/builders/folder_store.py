"""A blob store and a memory of finished stages in a folder that several processes share."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.ports import BlobMissing
from schemas.stages import StageOutcome


class FolderStore:
    """Blobs by digest, one file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Store and name by digest; a file appears whole or not at all."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.exists(digest):
            part = self.folder / f"{digest}.{id(data)}.part"
            part.write_bytes(data)
            part.rename(self.folder / digest)
        return digest

    def get(self, digest: str) -> bytes:
        """What was stored."""
        try:
            return (self.folder / digest).read_bytes()
        except FileNotFoundError as missing:
            raise BlobMissing(digest) from missing

    def exists(self, digest: str) -> bool:
        """Whether it was stored."""
        return (self.folder / digest).exists()


class FinishedStages:
    """Outcomes by key. Whoever comes second to a key waits and takes what the first one left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def once(self, key: str, run: Callable[[], StageOutcome]) -> StageOutcome:
        """The outcome of ``key``, by ``run`` if nobody has it yet."""
        path = self.folder / f"{key}.json"
        with self._alone(key):
            if path.exists():
                return StageOutcome.model_validate_json(path.read_bytes()).model_copy(update={"reused": True})
            outcome = run()
            path.write_text(outcome.model_dump_json())
            return outcome

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        with (self.folder / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
