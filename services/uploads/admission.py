"""Who may send a body now. A process takes one body of an upload at a time, and few that do not fit into its memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import Unavailable, UploadBusy

from .content import IN_MEMORY

SPOOLED, SPOOLED_OF_PROJECT = 8, 4
"""Bodies on the local disk at once: of all projects, and of one, so that no project has them all."""


class Admission:
    """The bodies that one process receives now. For its event loop only: nothing is locked."""

    def __init__(self) -> None:
        self._receiving: dict[str, str | None] = {}

    @contextmanager
    def receiving(self, upload: str, project: str, length: int) -> Iterator[None]:
        """Take in a body of ``length`` bytes until the block ends.

        Raises:
            UploadBusy: another body of this upload is coming.
            Unavailable: too many large bodies are coming.
        """
        if upload in self._receiving:
            raise UploadBusy(f"Bytes of the upload {upload} are coming already.", "Send them once.")
        spools = length > IN_MEMORY
        if spools:
            self._check_room(project)
        self._receiving[upload] = project if spools else None
        try:
            yield
        finally:
            del self._receiving[upload]

    def _check_room(self, project: str) -> None:
        spooled = [owner for owner in self._receiving.values() if owner is not None]
        if len(spooled) >= SPOOLED or spooled.count(project) >= SPOOLED_OF_PROJECT:
            detail = f"{len(spooled)} large bodies are coming already."
            raise Unavailable(detail, "Send it a little later, or use the transfer 'multipart'.")
