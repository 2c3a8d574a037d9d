"""Which of two forms a client would rather have (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

Accept = Annotated[str | None, Header(alias="Accept", max_length=2000, include_in_schema=False)]


def prefers_html(accept: str | None) -> bool:
    """Whether ``text/html`` is wanted more than ``application/json``; on a tie JSON wins."""
    weights = _weights(accept or "*/*")
    return _weight(weights, "text/html") > _weight(weights, "application/json")


def _weights(accept: str) -> dict[str, float]:
    return dict(_range(item) for item in accept.split(","))


def _range(item: str) -> tuple[str, float]:
    media, *parameters = (part.strip().lower() for part in item.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media, float(quality)
    except ValueError:
        return media, 0.0


def _weight(weights: dict[str, float], media: str) -> float:
    kind = media.partition("/")[0]
    return next((weights[known] for known in (media, f"{kind}/*", "*/*") if known in weights), 0.0)
