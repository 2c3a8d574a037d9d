"""Streams images through a session shard by shard: memory is bounded by the shard, not by the data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .session import ClassifierSession, Outputs


@dataclass(frozen=True)
class Shard:
    """Outputs of images ``start`` up to ``stop``."""

    start: int
    stop: int
    outputs: Outputs


def stream(session: ClassifierSession, images: NDArray[Any], shard: int = 1024) -> Iterator[Shard]:
    """Shards of at most ``shard`` images in order. ``images`` may be a memory map; only one shard is read at a time.

    Raises:
        StageError: as :meth:`ClassifierSession.run`.
    """
    for start in range(0, len(images), shard):
        stop = min(start + shard, len(images))
        yield Shard(start, stop, session.run(images[start:stop]))
