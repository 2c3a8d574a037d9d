"""What an event holds is cut to its longest length: an event too long to be told may not keep a job from ending."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_PAYLOAD = 19_000
"""Bytes of an event's data as JSON: Standard Webhooks asks for less than 20 kB, the envelope included."""

LIMITS = (1000, 300, 100)
"""Letters that a text keeps, tried in this order. No id or digest is as long as the last."""

MARK = "…"


def fitted(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` itself where it is short enough; else with its texts cut, and as the last resort without its longest."""
    facts = dict(data)
    for limit in LIMITS:
        if _size(facts) <= MAX_PAYLOAD:
            return facts
        facts = {name: _cut(value, limit) for name, value in facts.items()}
    while _size(facts) > MAX_PAYLOAD:
        facts.pop(max(facts, key=lambda name: _size({name: facts[name]})))
    return facts


def _size(facts: Mapping[str, Any]) -> int:
    return len(json.dumps(facts, default=str))


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else value[: limit - len(MARK)] + MARK
    if isinstance(value, Mapping):
        return {name: _cut(each, limit) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(each, limit) for each in value]
    return value
