"""Webhooks against a real receiver: signatures, retries, rotation, order, crashes, slow receivers (fault test 38)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, func, select, update
from standardwebhooks import Webhook as Verifier

from schemas.api_keys import Scope
from schemas.audits import AuditState
from schemas.problems import ErrorCode, Problem
from schemas.projects import DEFAULT_PROJECT
from services.audits import service as audits
from services.db.engine import SessionFactory, scoped, transaction
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow, WebhookRow
from services.deliveries import outbox
from services.deliveries.courier import Courier, courier
from services.deliveries.events import announce
from services.deliveries.outbox import PAUSES
from services.deliveries.outbox import Receiver as Waiting
from services.dispatch import journal
from services.dispatch.sinks import sinks_of
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.webhooks.service import MOST_PINGS, MOST_WEBHOOKS
from tests.builders.api_server import Api, api_in_thread
from tests.builders.receivers import Received, Receiver, receiving
from tests.builders.rows import add_audit
from tests.builders.tenants import make_project

KEY = SecretStr("k" * 40)
GO_AHEAD = 20.0


@pytest.fixture
def webhook_settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"secret_key": KEY, "private_networks": True, "public_url": "https://scotoma.example/"}
    )


@pytest.fixture
def api(webhook_settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(webhook_settings, engine, store) as api:
        yield api


@dataclass(frozen=True)
class Post:
    """A courier and what it counts."""

    courier: Courier
    metrics: Metrics

    def step(self) -> None:
        """As the dispatcher's loop does."""
        self.courier.step()

    def sample(self, name: str, **labels: str) -> float | None:
        """A metric."""
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def attempts(self) -> float:
        """How many attempts have ended, and are written down."""
        outcomes = ("delivered", "retried", "failed", "superseded")
        return sum(self.sample("audit_webhook_deliveries_total", outcome=each) or 0 for each in outcomes)


@contextmanager
def posting(settings: Settings, factory: SessionFactory) -> Iterator[Post]:
    metrics = Metrics()
    with courier(factory, sinks_of(settings, factory), metrics) as own:
        yield Post(own, metrics)


@pytest.fixture
def post(webhook_settings: Settings, factory: SessionFactory) -> Iterator[Post]:
    with posting(webhook_settings, factory) as post:
        yield post


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def make(api: Api, url: str, **more: Any) -> dict[str, Any]:
    with api.http(Scope.ADMIN) as http:
        answer = http.post("/v1/webhooks", json={"name": "ops", "url": url, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def listed(api: Api, webhook: str) -> list[dict[str, Any]]:
    with api.http(Scope.ADMIN) as http:
        return list(http.get(f"/v1/webhooks/{webhook}/deliveries").json()["items"])


def shown(api: Api, webhook: str) -> dict[str, Any]:
    with api.http(Scope.ADMIN) as http:
        return dict(http.get(f"/v1/webhooks/{webhook}").json())


def say(api: Api, subject: str = "aud_" + "1" * 24, kind: str = "audit.started", **data: Any) -> None:
    with scoped(api.factory, DEFAULT_PROJECT) as session:
        announce(session, kind, subject, data)


def queued_audit(factory: SessionFactory) -> str:
    """A queued audit."""
    with transaction(factory) as session:
        return add_audit(session)


def settle(post: Post, until: Callable[[], bool]) -> None:
    """Take steps until ``until`` holds."""
    pause = threading.Event()
    for _ in range(int(GO_AHEAD / 0.02)):
        post.step()
        if until():
            return
        pause.wait(0.02)
    raise AssertionError("it never came to it")


def tell(api: Api, post: Post, webhook: str) -> dict[str, Any]:
    """Take steps until another attempt has ended; return the newest delivery."""
    before = post.attempts
    settle(post, lambda: post.attempts > before)
    return listed(api, webhook)[0]


def come_due(api: Api) -> float:
    """Let everything that waits be due now; return how many seconds it would have waited."""
    with transaction(api.factory) as session:
        row = DeliveryRow
        query = select(func.extract("epoch", row.available_at - func.now())).where(row.state == "waiting")
        wait = float(session.scalars(query).one())
        session.execute(update(row).where(row.state == "waiting").values(available_at=func.now()))
    return wait


def test_a_message_verifies_with_the_standard_library_and_says_what_happened(
    api: Api, post: Post, receiver: Receiver
) -> None:
    made = make(api, receiver.url)
    say(api, name="Ümläut <script>")
    delivered = tell(api, post, made["id"])
    (request,) = receiver.seen
    message = Verifier(made["secret"]).verify(request.body, request.headers)
    assert message["type"] == "audit.started"
    assert message["data"]["name"] == "Ümläut <script>"
    page = "https://scotoma.example/audits/aud_" + "1" * 24
    assert message["data"]["links"]["page"] == page
    assert datetime.fromisoformat(message["timestamp"]) <= datetime.now(UTC)
    assert request.headers["webhook-id"] == delivered["id"]
    assert (delivered["state"], delivered["attempts"], delivered["status"]) == ("delivered", 1, 204)
    assert post.sample("audit_webhook_deliveries_total", outcome="delivered") == 1.0
    post.step()
    assert post.sample("audit_outbox_lag_seconds") == 0.0


def test_the_secret_is_shown_once_and_lies_sealed(api: Api, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    assert made["secret"].startswith("whsec_")
    assert "secret" not in shown(api, made["id"])
    with transaction(api.factory) as session:
        rows = json.dumps([list(row) for row in session.execute(select(WebhookRow.__table__))], default=str)
    assert made["secret"] not in rows
    assert made["secret"].removeprefix("whsec_") not in rows


def test_without_a_key_no_secret_is_stored(settings: Settings, engine: Engine, store: S3BlobStore) -> None:
    with api_in_thread(settings, engine, store) as api, api.http(Scope.ADMIN) as http:
        answer = http.post("/v1/webhooks", json={"name": "a", "url": "https://example.org/"})
    assert (answer.status_code, answer.json()["code"]) == (409, "secrets-unconfigured")
    assert "SCOTOMA_SECRET_KEY" in answer.json()["advice"]


@pytest.mark.parametrize("status", [500, 404, 429, 302])
def test_what_is_no_success_is_tried_again_with_the_same_id_and_a_fresh_signature(
    api: Api, post: Post, receiver: Receiver, status: int
) -> None:
    made = make(api, receiver.url)
    receiver.answer = lambda _: status
    receiver.headers = {"Location": receiver.url}
    say(api)
    first = tell(api, post, made["id"])
    assert (first["state"], first["status"]) == ("waiting", status)
    assert shown(api, made["id"])["failing_since"] is not None
    receiver.answer = lambda _: 200
    with transaction(api.factory) as session:  # the clock of the first attempt is a minute behind
        session.execute(update(DeliveryRow).values(available_at=func.now()))
    assert tell(api, post, made["id"])["state"] == "delivered"
    one, two = receiver.seen
    assert one.headers["webhook-id"] == two.headers["webhook-id"]
    assert one.body == two.body
    for request in (one, two):
        Verifier(made["secret"]).verify(request.body, request.headers)
    assert shown(api, made["id"])["failing_since"] is None


def test_the_schedule_of_retries_is_the_standards_and_ends(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    receiver.answer = lambda _: 503
    say(api)
    waits = []
    for attempt in range(1, len(PAUSES) + 1):
        settled = tell(api, post, made["id"])
        assert settled["attempts"] == attempt
        if attempt < len(PAUSES):
            waits.append(come_due(api))
    expected = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for wait, pause in zip(waits, expected, strict=True):
        assert pause - 5 <= wait <= 1.1 * pause
    assert len({round(wait / pause, 6) for wait, pause in zip(waits[4:], expected[4:], strict=True)}) > 1
    assert settled["state"] == "failed"
    assert settled["finished_at"] is not None
    assert len(receiver.seen) == 10
    assert len({request.headers["webhook-id"] for request in receiver.seen}) == 1
    assert post.sample("audit_webhook_deliveries_total", outcome="retried") == 9.0
    assert post.sample("audit_webhook_deliveries_total", outcome="failed") == 1.0


def test_gone_ends_the_delivery_and_disables_the_webhook(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    receiver.answer = lambda _: 410
    say(api)
    assert tell(api, post, made["id"])["state"] == "failed"
    assert "410" in shown(api, made["id"])["disabled_because"]
    say(api)
    assert len(listed(api, made["id"])) == 1
    with api.http(Scope.ADMIN) as http:
        assert http.patch(f"/v1/webhooks/{made['id']}", json={"disabled": False}).json()["disabled_at"] is None
    receiver.answer = lambda _: 200
    say(api)
    assert tell(api, post, made["id"])["state"] == "delivered"


def test_five_days_of_failures_disable_it(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    receiver.answer = lambda _: 500
    for days, disabled in ((4.9, False), (5.1, True)):
        with transaction(api.factory) as session:
            session.execute(update(WebhookRow).values(failing_since=func.now() - timedelta(days=days)))
        say(api)
        tell(api, post, made["id"])
        assert (shown(api, made["id"])["disabled_at"] is not None) == disabled


def test_both_secrets_sign_for_a_day_after_a_rotation(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    with api.http(Scope.ADMIN) as http:
        fresh = http.post(f"/v1/webhooks/{made['id']}:rotate").json()
    assert fresh["secret"] != made["secret"]
    assert timedelta(hours=23) < datetime.fromisoformat(fresh["previous_until"]) - datetime.now(UTC)
    say(api)
    tell(api, post, made["id"])
    with transaction(api.factory) as session:
        session.execute(update(WebhookRow).values(previous_until=func.now()))
    say(api)
    settle(post, lambda: len(receiver.seen) == 2)
    during, after = receiver.seen
    for secret in (made["secret"], fresh["secret"]):
        Verifier(secret).verify(during.body, during.headers)
    Verifier(fresh["secret"]).verify(after.body, after.headers)
    assert " " not in after.headers["webhook-signature"]


def test_a_crash_after_sending_sends_again_under_the_same_id(
    api: Api, post: Post, receiver: Receiver, webhook_settings: Settings
) -> None:
    made = make(api, receiver.url)
    say(api)
    with transaction(api.factory) as session:
        parcel = outbox.claim(session, Waiting("webhook", made["id"], DEFAULT_PROJECT))
    assert parcel is not None
    sinks_of(webhook_settings, api.factory)["webhook"].send(parcel)  # and then the process dies
    post.step()
    assert len(receiver.seen) == 1  # nobody else sends it while the first may still be at it
    assert come_due(api) > 60
    settle(post, lambda: listed(api, made["id"])[0]["state"] == "delivered")
    one, two = (request.headers["webhook-id"] for request in receiver.seen)
    assert one == two
    with scoped(api.factory, DEFAULT_PROJECT) as session:  # the first one comes back and has nothing to say any more
        assert outbox.settle(session, parcel, outbox.Told(outbox.Outcome.RETRY)) is None


def test_two_couriers_send_once(
    api: Api, post: Post, receiver: Receiver, webhook_settings: Settings, factory: SessionFactory
) -> None:
    made = make(api, receiver.url)
    for number in range(10):
        say(api, subject=f"aud_{number:024}")
    with posting(webhook_settings, factory) as other:

        def both() -> bool:
            other.step()
            return all(item["state"] == "delivered" for item in listed(api, made["id"]))

        settle(post, both)
    assert sorted(request.headers["webhook-id"] for request in receiver.seen) == sorted(
        item["id"] for item in listed(api, made["id"])
    )


def test_the_end_of_an_audit_is_never_told_before_its_beginning(
    api: Api, post: Post, receiver: Receiver, factory: SessionFactory
) -> None:
    make(api, receiver.url)
    audit = queued_audit(factory)
    fails = iter([500])
    receiver.answer = lambda _: next(fails, 200)
    problem = Problem(type="urn:x", title="x", status=422, code=ErrorCode.STAGE_FAILED, detail="d" * 50_000)
    with scoped(factory, DEFAULT_PROJECT) as session:
        journal.begin(session, audit, 1, lost=False)
    settle(post, lambda: len(receiver.seen) == 1)
    with scoped(factory, DEFAULT_PROJECT) as session:
        journal.move(session, audit, AuditState.QUEUED)
    with scoped(factory, DEFAULT_PROJECT) as session:
        journal.begin(session, audit, 2, lost=False)
    with scoped(factory, DEFAULT_PROJECT) as session:
        journal.fail(session, audit, problem)
    post.step()
    with transaction(factory) as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.type == "audit.started").values(available_at=func.now()))
    settle(post, lambda: len(receiver.seen) == 3)
    assert [json.loads(request.body)["type"] for request in receiver.seen] == [
        "audit.started",
        "audit.started",
        "audit.failed",
    ]
    last = json.loads(receiver.seen[-1].body)["data"]
    assert (last["audit"], last["state"], last["problem"]["code"]) == (audit, "failed", "stage-failed")
    assert len(receiver.seen[-1].body) < 20_000


def test_what_is_rolled_back_is_not_told(api: Api, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    with scoped(api.factory, DEFAULT_PROJECT) as session:
        announce(session, "audit.started", "aud_" + "1" * 24, {})
        session.rollback()
    assert listed(api, made["id"]) == []


def test_a_cancelled_audit_is_told(api: Api, post: Post, receiver: Receiver, factory: SessionFactory) -> None:
    made = make(api, receiver.url, events=["audit.cancelled"])
    audit = queued_audit(factory)
    with scoped(factory, DEFAULT_PROJECT) as session:
        audits.cancel(session, audit)
        audits.cancel(session, audit)
    tell(api, post, made["id"])
    (request,) = receiver.seen
    assert json.loads(request.body)["data"]["state"] == "cancelled"


def test_a_webhook_hears_only_what_it_asked_for_and_only_of_its_own_project(
    api: Api, post: Post, receiver: Receiver
) -> None:
    some = make(api, receiver.url, events=["audit.failed"])
    every = make(api, receiver.url)
    say(api, kind="audit.succeeded")
    with transaction(api.factory) as session:  # a transaction without a project is the default project's
        announce(session, "audit.failed", "aud_" + "2" * 24, {})
    assert [item["type"] for item in listed(api, some["id"])] == ["audit.failed"]
    assert [item["type"] for item in listed(api, every["id"])] == ["audit.failed", "audit.succeeded"]


@contextmanager
def hanging(receiver: Receiver) -> Iterator[threading.Event]:
    """The receiver keeps each request until the event is set."""
    release = threading.Event()

    def wait(_: Received) -> int:
        release.wait(GO_AHEAD)
        return 200

    receiver.answer = wait
    try:
        yield release
    finally:
        release.set()


def test_a_receiver_that_hangs_delays_no_other(api: Api, post: Post, receiver: Receiver) -> None:
    with receiving() as slow, hanging(slow):
        stuck = make(api, slow.url)
        quick = make(api, receiver.url)
        for number in range(5):
            say(api, subject=f"aud_{number:024}")
        settle(post, lambda: all(item["state"] == "delivered" for item in listed(api, quick["id"])))
        assert {item["state"] for item in listed(api, stuck["id"])} == {"waiting"}
        assert len(slow.seen) <= 1  # one at a time


def test_an_answer_that_never_ends_is_cut(api: Api, post: Post, receiver: Receiver) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000_000):
            yield b"x" * 1024

    receiver.answer, receiver.body = lambda _: 200, endless()
    made = make(api, receiver.url)
    say(api)
    assert tell(api, post, made["id"])["state"] == "delivered"


def test_a_delivery_can_be_begun_again(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    say(api)
    done = tell(api, post, made["id"])
    with api.http(Scope.ADMIN) as http:
        path = f"/v1/webhooks/{made['id']}/deliveries"
        again = http.post(f"{path}/{done['id']}:redeliver")
        assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "waiting", 0)
        assert http.post(f"{path}/evt_{'0' * 24}:redeliver").status_code == 404
    settle(post, lambda: len(receiver.seen) == 2)
    assert len({request.headers["webhook-id"] for request in receiver.seen}) == 1


def test_a_ping_reaches_only_the_webhook_that_asks(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url, events=["audit.failed"])
    other = make(api, receiver.url)
    with api.http(Scope.ADMIN) as http:
        assert http.post(f"/v1/webhooks/{made['id']}:test").status_code == 202
    assert tell(api, post, made["id"])["type"] == "ping"
    assert listed(api, other["id"]) == []
    assert json.loads(receiver.seen[0].body)["data"]["webhook"] == made["id"]


def test_pings_to_a_webhook_have_a_pace(api: Api, receiver: Receiver) -> None:
    made, other = make(api, receiver.url), make(api, receiver.url)
    with api.http(Scope.ADMIN) as http:
        answers = [http.post(f"/v1/webhooks/{made['id']}:test") for _ in range(MOST_PINGS + 1)]
        assert [answer.status_code for answer in answers] == [202] * MOST_PINGS + [429]
        assert answers[-1].json()["code"] == "quota-exceeded"
        assert "minute" in answers[-1].json()["advice"]
        assert answers[-1].headers["Retry-After"] == "60"
        assert http.post(f"/v1/webhooks/{other['id']}:test").status_code == 202
        with transaction(api.factory) as session:
            session.execute(update(DeliveryRow).values(created_at=func.now() - timedelta(seconds=61)))
        assert http.post(f"/v1/webhooks/{made['id']}:test").status_code == 202


def test_a_project_has_only_so_many_webhooks(api: Api, receiver: Receiver) -> None:
    with transaction(api.factory) as session:
        team = make_project(session, "team")
    for project, count in ((DEFAULT_PROJECT, MOST_WEBHOOKS - 1), (team, MOST_WEBHOOKS)):
        with scoped(api.factory, project) as session:
            rows = [
                WebhookRow(id=new_id("whk"), name="a", url="https://1.1.1.1/", events=[], sealed_secret="")
                for _ in range(count)
            ]
            session.add_all(rows)
    last = make(api, receiver.url)
    with api.http(Scope.ADMIN) as http:
        refused = http.post("/v1/webhooks", json={"name": "a", "url": receiver.url})
        assert (refused.status_code, refused.json()["code"]) == (429, "quota-exceeded")
        assert "Delete" in refused.json()["advice"]
        http.delete(f"/v1/webhooks/{last['id']}")
    make(api, receiver.url)


def test_what_is_too_long_to_be_told_is_told_with_its_texts_cut(api: Api, post: Post, receiver: Receiver) -> None:
    """The transaction that ends a job writes the event: it may not fail by a long sentence."""
    made = make(api, receiver.url)
    problem = {"code": "stage-failed", "detail": "ü" * 100_000, "advice": "Try again."}
    say(api, kind="comparison.failed", comparison="cmp_1", state="failed", problem=problem)
    assert tell(api, post, made["id"])["state"] == "delivered"
    (request,) = receiver.seen
    assert len(request.body) < 20_000
    data = json.loads(request.body)["data"]
    assert (data["comparison"], data["state"]) == ("cmp_1", "failed")
    assert data["problem"] | {"detail": ""} == problem | {"detail": ""}
    assert data["problem"]["detail"].startswith("ü" * 90)
    assert data["problem"]["detail"].endswith("…")


def test_a_deleted_webhook_is_told_nothing(api: Api, post: Post, receiver: Receiver) -> None:
    made = make(api, receiver.url)
    say(api)
    with api.http(Scope.ADMIN) as http:
        assert http.delete(f"/v1/webhooks/{made['id']}").status_code == 204
        assert http.get(f"/v1/webhooks/{made['id']}").status_code == 404
    post.step()
    with transaction(api.factory) as session:
        assert session.scalar(select(func.count()).select_from(DeliveryRow)) == 0
    assert receiver.seen == []


def test_lists_go_by_pages(api: Api, receiver: Receiver) -> None:
    made = [make(api, receiver.url)["id"] for _ in range(3)]
    for number in range(3):
        say(api, subject=f"aud_{number:024}")
    with api.http(Scope.ADMIN) as http:
        for path, count in (("/v1/webhooks", 3), (f"/v1/webhooks/{made[0]}/deliveries", 3)):
            found, cursor = [], None
            while True:
                answer = http.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
                found += [item["id"] for item in answer["items"]]
                cursor = answer["next"]
                if cursor is None:
                    break
            assert len(set(found)) == len(found) == count


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://2130706433/",
        "https://10.0.0.1:8443/",
        "https://user:secret@1.1.1.1/",
        "https://1.1.1.1:22/",
        "https://169.254.169.254/latest/meta-data/",
        "ftp://1.1.1.1/",
        "https://nowhere.invalid/",
    ],
)
def test_addresses_inside_are_refused_when_a_webhook_is_made_and_changed(
    settings: Settings, engine: Engine, store: S3BlobStore, factory: SessionFactory, url: str
) -> None:
    public = settings.model_copy(update={"secret_key": KEY})
    with scoped(factory, DEFAULT_PROJECT) as session:
        row = WebhookRow(id=new_id("whk"), name="old", url="https://1.1.1.1/", events=[], sealed_secret="")
        session.add(row)
    with api_in_thread(public, engine, store) as api, api.http(Scope.ADMIN) as http:
        answer = http.post("/v1/webhooks", json={"name": "a", "url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "address-refused"), answer.text
        answer = http.patch(f"/v1/webhooks/{row.id}", json={"url": url})
        assert answer.json()["code"] == "address-refused"
        assert http.patch(f"/v1/webhooks/whk_{'0' * 24}", json={"url": url}).json()["code"] == "not-found"


def test_an_address_that_turned_private_gets_nothing(
    api: Api, settings: Settings, factory: SessionFactory, receiver: Receiver
) -> None:
    """Made while private networks were allowed; the installation has closed since."""
    made = make(api, receiver.url)
    say(api)
    closed = settings.model_copy(update={"secret_key": KEY})
    with posting(closed, factory) as careful:
        refused = tell(api, careful, made["id"])
    assert refused["state"] == "waiting"
    assert "https" in refused["error"]
    assert receiver.seen == []
