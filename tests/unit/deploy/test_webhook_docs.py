"""The receiver that the documentation shows takes what we send and nothing else, whatever the library takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from schemas.webhooks import EventType
from services.deliveries.parcels import Parcel
from services.webhooks.signing import body_of, headers_of, new_secret

PAGE = (Path(__file__).parents[3] / "deploy/docs/webhooks.md").read_text()
Verified = Callable[[str, dict[str, str], bytes], bool]


@pytest.fixture
def verified() -> Verified:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Verified] = {}
    exec(code, names)
    return names["verified"]


def message(*keys: str, at: datetime | None = None) -> tuple[dict[str, str], bytes]:
    now = datetime.now(UTC)
    parcel = Parcel("evt_1", "prj_1", "webhook", "whk_1", "ping", "whk_1", {"name": "Größe 1.5"}, 1, now)
    body = body_of(parcel, "")
    return headers_of(parcel, body, keys, at or now), body


def test_the_example_takes_ours_with_each_secret_of_a_rotation(verified: Verified) -> None:
    new, old = new_secret(), new_secret()
    headers, body = message(new, old)
    for secret in (new, old):
        assert verified(secret, headers, body)
        Webhook(secret).verify(body, headers)


def test_the_example_refuses_what_is_changed_stale_or_a_strangers(verified: Verified) -> None:
    secret = new_secret()
    headers, body = message(secret)
    assert not verified(secret, headers, body + b" ")
    assert not verified(secret, {**headers, "webhook-id": "evt_2"}, body)
    assert not verified(new_secret(), headers, body)
    now = datetime.now(UTC)
    assert not verified(secret, *message(secret, at=now - timedelta(minutes=6)))
    assert not verified(secret, *message(secret, at=now + timedelta(minutes=6)))


def test_the_page_names_every_event() -> None:
    assert [event for event in EventType if f"`{event}`" not in PAGE] == []
