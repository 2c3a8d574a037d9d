"""Where something that was just made through a route of the API is on the web page."""

from __future__ import annotations

from fastapi import Response


def path_of(made: Response) -> str:
    """The page of what ``Location`` names: ``/v1/audits/aud_1`` is ``/audits/aud_1``."""
    return made.headers["Location"].removeprefix("/v1")
