"""Requests to users' addresses: pinned to what was checked, by the name's certificate, bounded, never redirected."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from services.errors import AddressRefused
from services.outbound.addresses import Resolve, check_address, checked_url
from services.outbound.client import outbound_client
from services.outbound.networks import Address
from tests.builders.receivers import Receiver, certified, receiving

HERE, OUTSIDE = ip_address("127.0.0.1"), ip_address("93.184.215.14")


def leads_to(*addresses: Address) -> Resolve:
    return lambda host, port: list(addresses)


def named(receiver: Receiver, host: str) -> str:
    """The receiver's address by a name instead of its number."""
    return receiver.url.replace("127.0.0.1", host)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_a_name_that_turns_private_after_its_check_gets_nothing(receiver: Receiver) -> None:
    """DNS rebinding: public when the webhook is made, this machine when it is sent to."""
    answers = iter([[OUTSIDE], [HERE], [HERE]])

    def rebinding(host: str, port: int) -> list[Address]:
        return next(answers)

    url = "https://rebinding.example/hook"
    check_address(url, private=False, ask=rebinding)
    with outbound_client(False, 5, ask=rebinding) as client, pytest.raises(AddressRefused, match="network"):
        client.post(url)
    assert receiver.seen == []


def test_the_connection_goes_to_the_very_address_that_was_checked(receiver: Receiver) -> None:
    """One look-up per exchange: a second answer would never be asked for."""
    asked: list[str] = []

    def once(host: str, port: int) -> list[Address]:
        asked.append(host)
        assert len(asked) == 1
        return [HERE]

    with outbound_client(True, 5, ask=once) as client:
        assert client.post(named(receiver, "hooks.example")).status_code == 204
    assert asked == ["hooks.example"]
    assert receiver.seen[0].headers["host"].startswith("hooks.example:")


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    mixed = leads_to(OUTSIDE, ip_address("10.0.0.1"))
    with pytest.raises(AddressRefused):
        check_address("https://mixed.example/", private=False, ask=mixed)


def test_a_name_that_is_not_there_and_one_that_is_private_are_told_alike() -> None:
    """Else users could ask the resolver of the service which names its network has."""

    def nowhere(host: str, port: int) -> list[Address]:
        raise OSError("Name or service not known")

    told = []
    for ask in (nowhere, leads_to(), leads_to(ip_address("10.0.0.1")), leads_to(ip_address("169.254.169.254"))):
        with pytest.raises(AddressRefused) as refused, capture_logs() as logs:
            check_address("https://db.internal/", private=False, ask=ask)
        told.append((refused.value.detail, refused.value.advice))
        assert [line["reason"] for line in logs] == ["not resolved" if ask is nowhere else "not allowed"]
    assert len(set(told)) == 1


def test_the_next_address_is_tried_when_the_first_does_not_answer(receiver: Receiver) -> None:
    nobody = ip_address("127.0.0.2")  # the receiver listens on 127.0.0.1 alone
    with outbound_client(True, 5, ask=leads_to(nobody, HERE)) as client:
        assert client.post(named(receiver, "two.example")).status_code == 204


def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    server, authority = certified(tmp_path, "hooks.example")
    with receiving(server) as receiver:
        trusting = ssl.create_default_context(cafile=str(authority))
        with outbound_client(True, 5, trusting, leads_to(HERE)) as client:
            assert client.post(named(receiver, "hooks.example")).status_code == 204
            with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
                client.post(named(receiver, "other.example"))
        with outbound_client(True, 5, ask=leads_to(HERE)) as careful, pytest.raises(httpx.ConnectError, match="CERT"):
            careful.post(named(receiver, "hooks.example"))
    assert len(receiver.seen) == 1


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answer, receiver.headers = lambda _: 307, {"Location": receiver.url}
    with outbound_client(True, 5) as client:
        assert client.post(receiver.url).status_code == 307
    assert len(receiver.seen) == 1


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with outbound_client(True, 5) as client:
        assert client.post(receiver.url).status_code == 204


def test_a_trickle_ends_when_the_time_is_over(receiver: Receiver) -> None:
    """Each read succeeds, yet the whole is bounded."""
    end = threading.Event()

    def trickle() -> Iterator[bytes]:
        while not end.wait(0.05):
            yield b"x"

    receiver.answer, receiver.body = lambda _: 200, trickle()
    began = time.monotonic()
    with outbound_client(True, 0.5) as client, pytest.raises(httpx.TimeoutException):
        client.post(receiver.url)
    assert time.monotonic() - began >= 0.5
    end.set()


def test_nobody_there_is_an_error_of_httpx() -> None:
    with outbound_client(True, 5) as client, pytest.raises(httpx.ConnectError):
        client.post("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "https://user@example.org/", "https://u:p@example.org/", "https://example.org:80/",
        "https://example.org:22/", "https:///path", "https://[fe80::1%25eth0]/", "https://example.org/#x",
        "https://example.org\\@10.0.0.1/", "file:///etc/passwd", "gopher://example.org/", "//example.org/", "x",
        "https://exa mple.org/", "https://example.org:0/", "https://example.org:99999/",
    ],
)  # fmt: skip
def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url, private=False, ask=leads_to(OUTSIDE))


@pytest.mark.parametrize("url", ["https://example.org/a?b=c", "https://example.org:8443/", "https://bücher.example/"])
def test_plain_https_addresses_are_taken(url: str) -> None:
    check_address(url, private=False, ask=leads_to(OUTSIDE))


def test_http_and_other_ports_only_inside() -> None:
    assert checked_url("http://10.0.0.1:9000/", private=True).port == 9000
    with pytest.raises(AddressRefused):
        checked_url("ftp://10.0.0.1/", private=True)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "127.1", "localhost", "[::ffff:127.0.0.1]"])
def test_spellings_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(f"https://{host}/", private=False)
