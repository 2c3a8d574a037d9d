"""``scotoma webhook`` and the client's calls against a real API, a real courier and a real receiver."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from schemas.api_keys import Scope
from schemas.client.client import Client
from schemas.client.errors import ServiceError
from schemas.webhooks import DeliveryState, EventType, WebhookChange
from services.db.engine import SessionFactory
from services.deliveries.courier import Courier, courier
from services.dispatch.sinks import sinks_of
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.receivers import Receiver, receiving

ROOT = Path(__file__).parents[2]


@pytest.fixture
def open_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_key": SecretStr("k" * 40), "private_networks": True})


@pytest.fixture
def api(open_settings: Settings, engine: Engine, store: S3BlobStore, factory: SessionFactory) -> Iterator[Api]:
    with (
        api_in_thread(open_settings, engine, store) as api,
        courier(factory, sinks_of(open_settings, factory), Metrics()) as post,
        turning(post),
    ):
        yield api


@contextmanager
def turning(post: Courier) -> Iterator[None]:
    """The courier's steps, as the dispatcher takes them."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.05):
            post.step()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def run(api: Api, *words: str, code: int = 0) -> tuple[str, str]:
    """Run the command with an administrator's key."""
    command = [sys.executable, "-m", "schemas.client.cli", "--url", api.url, "--api-key", api.key(Scope.ADMIN)]
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def test_the_commands_create_test_look_and_delete(api: Api, receiver: Receiver) -> None:
    made = json.loads(run(api, "webhook", "create", "ops", receiver.url, "--event", "audit.failed", "--json")[0])
    assert made["events"] == ["audit.failed"]
    assert "delivered" in run(api, "webhook", "test", made["id"])[0]
    receiver.answer = lambda _: 500
    shown, _ = run(api, "webhook", "test", made["id"], "--json", code=4)
    assert json.loads(shown)["status"] == 500
    deliveries, _ = run(api, "webhook", "deliveries", made["id"], "--limit", "1", "--json")
    assert len(json.loads(deliveries)) == 1
    assert "failing" in run(api, "webhook", "list")[0]
    run(api, "webhook", "delete", made["id"])
    assert made["id"] not in run(api, "webhook", "list")[0]
    assert "id" in run(api, "webhook", "test", made["id"], code=4)[1]


def test_a_secret_goes_to_stdout_whole_and_a_rotation_gives_another(api: Api, receiver: Receiver) -> None:
    out, err = run(api, "webhook", "create", "ops", receiver.url)
    secret = out.split()[-1]
    assert secret.startswith("whsec_")
    assert len(secret) == 50
    assert "not shown again" in err
    identity = next(word for word in out.split() if word.startswith("whk_"))
    assert run(api, "webhook", "rotate", identity)[0].split()[-1] != secret


def test_the_client_changes_redelivers_and_says_what_is_refused(api: Api, receiver: Receiver) -> None:
    with Client(api.url, api.key(Scope.ADMIN)) as client:
        made = client.create_webhook("ops", receiver.url, [EventType.AUDIT_GATED])
        changed = client.change_webhook(made.id, WebhookChange(disabled=True))
        assert changed.disabled_at is not None
        assert client.webhook(made.id).events == [EventType.AUDIT_GATED]
        refused = client.wait_for_attempt(made.id, client.test_webhook(made.id), 20)
        assert refused.state is DeliveryState.FAILED
        client.change_webhook(made.id, WebhookChange(disabled=False))
        again = client.wait_for_attempt(made.id, client.redeliver(made.id, refused.id), 20)
        assert (again.id, again.state, len(receiver.seen)) == (refused.id, DeliveryState.DELIVERED, 1)
        with pytest.raises(ServiceError, match="no address on a network") as told:
            client.create_webhook("bad", "https://169.254.169.254/")
        assert told.value.code == "address-refused"
