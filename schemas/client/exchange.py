"""Requests and answers as contracts: what every group of the client's calls is made of."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..scalars import Contract
from .transport import Transport, understood

Model = TypeVar("Model", bound=Contract)


class Exchange:
    """One connection to one service."""

    def __init__(self, transport: Transport, sleep: Callable[[float], None] = time.sleep) -> None:
        self._transport = transport
        self._sleep = sleep

    def _get(self, path: str, model: type[Model]) -> Model:
        return understood(model, self._transport.send("GET", path).content)

    def _create(self, path: str, body: Contract, model: type[Model], key: str | None = None) -> Model:
        headers = {"Idempotency-Key": key or new_key()}
        answer = self._transport.send("POST", path, json=body.model_dump(mode="json"), headers=headers)
        return understood(model, answer.content)

    def _pages(self, path: str, model: type[Any], **filters: str | None) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            answer = self._transport.send("GET", path, params={**filters, "cursor": cursor})
            page = understood(model, answer.content)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return


def new_key() -> str:
    """A fresh ``Idempotency-Key``."""
    return str(uuid.uuid4())
