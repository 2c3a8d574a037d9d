"""A report that was changed in any way is refused; one that was not says who signed it, to whoever knows the key."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.manifests import Material, Product, Signer
from schemas.manifests.canonical import canonical
from schemas.manifests.envelope import Envelope, sealed, signed_text
from schemas.manifests.page import BEGIN, END, seal_page
from schemas.manifests.verification import Outcome, verify_page
from tests.builders.sealed_reports import (
    BODY,
    DATA,
    MODEL,
    RESULT,
    envelope,
    manifest,
    name_of,
    private_key,
    sealed_report,
    signer,
    statement,
)

KEY, FORGER = private_key(1), private_key(2)
TRUSTED = {name_of(KEY)}
PAGE = sealed_report(key=KEY)
ELSE = sealed_report(BODY.replace(b"hue", b"age"), KEY)


def outcome(data: bytes, trusted: set[str] | None = TRUSTED) -> Outcome:
    return verify_page(data, trusted).outcome


def test_unchanged_and_signed_by_a_trusted_key() -> None:
    answer = verify_page(PAGE, TRUSTED, {"result": RESULT, "model": MODEL, "data": DATA})
    assert answer.outcome is Outcome.VERIFIED
    assert [check.name for check in answer.checks] == ["content", "signature", "signer", "result", "model", "data"]
    assert all(check.passed for check in answer.checks)


def test_a_signer_that_nobody_vouches_for_is_named() -> None:
    answer = verify_page(PAGE)
    assert answer.outcome is Outcome.UNKNOWN_SIGNER
    assert answer.key_id == name_of(KEY)
    assert name_of(KEY) in answer.checks[-1].words


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PAGE) - 1), st.integers(1, 255))
@example(0, 1)
@example(len(PAGE) - 1, 1)
@example(len(BODY), 7)
@example(len(BODY) + 1, 32)
def test_one_changed_byte_anywhere_is_refused(place: int, change: int) -> None:
    changed = bytearray(PAGE)
    changed[place] ^= change
    assert outcome(bytes(changed)) is Outcome.REFUSED
    assert outcome(bytes(changed), None) in (Outcome.REFUSED, Outcome.UNSIGNED)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(PAGE) - 1), st.binary(min_size=1, max_size=8))
def test_bytes_put_in_or_taken_out_are_refused(place: int, added: bytes) -> None:
    assert outcome(PAGE[:place] + added + PAGE[place:]) is Outcome.REFUSED
    assert outcome(PAGE[:place] + PAGE[place + 1 :]) is Outcome.REFUSED


SEAL = PAGE[len(BODY) :]
TRICKS = {
    "appended": PAGE + b"<p>and age</p>",
    "appended space": PAGE + b"\n",
    "prepended": b"<p>age</p>" + PAGE,
    "byte order mark": b"\xef\xbb\xbf" + PAGE,
    "seal first": SEAL + BODY,
    "seal in the middle": BODY[:40] + SEAL + BODY[40:],
    "two seals": PAGE + SEAL,
    "seal of another report": BODY + ELSE[len(ELSE) - len(SEAL) :],
    "another seal hidden in the page": BODY + ELSE[len(BODY) :] + SEAL,
    "lines end in CRLF": PAGE.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "lines end in LF": PAGE.replace(b"\r\n", b"\n"),
    "looks the same": PAGE.replace(b"hue", "hu\u0435".encode()),
    "composed otherwise": PAGE.replace("“".encode(), b"&ldquo;"),
    "invisible": PAGE.replace(b"hue", "hu\u200be".encode()),
    "seal in capitals": PAGE.replace(b"scotoma-seal", b"SCOTOMA-SEAL"),
    "seal of the next version": PAGE.replace(b"seal:1", b"seal:2"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_are_refused_with_and_without_a_trusted_key(trick: str) -> None:
    assert TRICKS[trick] != PAGE
    assert outcome(TRICKS[trick]) is Outcome.REFUSED
    assert outcome(TRICKS[trick], None) is Outcome.REFUSED


def test_another_key_under_the_trusted_name_is_refused() -> None:
    """The forger signs a page of his own and writes the trusted key's name beside it, in every way that there is."""
    forged = BODY.replace(b"hue", b"nothing")
    names = signer(KEY)
    own = signer(FORGER)
    for claimed in (names, Signer(key_id=names.key_id, public_key=own.public_key, service=names.service)):
        made = manifest(forged, KEY).model_copy(update={"signer": claimed})
        assert outcome(seal_page(forged, envelope(made, FORGER))) is Outcome.REFUSED
        assert outcome(seal_page(forged, envelope(made, FORGER)), None) is Outcome.REFUSED


def test_another_signers_report_is_not_the_trusted_signers() -> None:
    forged = sealed_report(key=FORGER)
    assert outcome(forged) is Outcome.REFUSED
    assert outcome(forged, None) is Outcome.UNKNOWN_SIGNER


def test_a_downgrade_to_unsigned_is_refused_where_a_signature_is_expected() -> None:
    stripped = sealed_report(BODY.replace(b"hue", b"nothing"))
    assert outcome(stripped) is Outcome.REFUSED
    assert outcome(stripped, None) is Outcome.UNSIGNED
    assert outcome(BODY) is Outcome.REFUSED
    assert outcome(BODY, None) is Outcome.UNSIGNED


def test_a_signature_that_was_taken_off_is_seen() -> None:
    assert outcome(seal_page(BODY, sealed(manifest(BODY, KEY).text())), None) is Outcome.REFUSED
    unsigned = manifest(BODY)
    assert outcome(seal_page(BODY, envelope(unsigned, KEY)), None) is Outcome.REFUSED


def test_a_signature_of_the_bare_text_is_not_one_of_a_manifest() -> None:
    """Without the type before it, text that was signed for something else could pass for a manifest."""
    text = manifest(BODY, KEY).text()
    assert outcome(seal_page(BODY, sealed(text, name_of(KEY), KEY.sign(text)))) is Outcome.REFUSED


@pytest.mark.parametrize("name", ["result", "model", "data"])
def test_other_files_than_the_audited_are_refused(name: str) -> None:
    answer = verify_page(PAGE, TRUSTED, {name: "9" * 64})
    assert answer.outcome is Outcome.REFUSED
    assert [check.passed for check in answer.checks] == [True, True, True, False]


def test_the_canonical_model_is_the_model_too() -> None:
    assert verify_page(PAGE, TRUSTED, {"model": "4" * 64}).outcome is Outcome.VERIFIED


HOSTILE = [
    b"",
    b"{}",
    b"[" * 50_000,
    b'{"a":' * 5_000,
    b"9" * 10_000,
    canonical({"payloadType": "application/vnd.other+json", "payload": "", "signatures": []}),
    canonical({"payloadType": "application/vnd.scotoma.manifest.v1+json", "payload": "e30=", "signatures": []}),
    canonical({"payloadType": "application/vnd.scotoma.manifest.v1+json", "payload": "W10=", "signatures": []}),
    Envelope(payload=base64.b64encode(b'"' + b"a" * (1 << 20) + b'"').decode(), signatures=[]).text(),
    sealed(canonical({"schema_version": "1", "statement": [{}] * 9_999})).text(),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_seals_are_refused(text: bytes) -> None:
    assert outcome(BODY + BEGIN + base64.b64encode(text) + END, None) is Outcome.REFUSED


def test_two_signatures_are_refused() -> None:
    value = json.loads(envelope(manifest(BODY, KEY), KEY).text())
    value["signatures"] *= 2
    assert outcome(BODY + BEGIN + base64.b64encode(canonical(value)) + END) is Outcome.REFUSED


LATER = canonical(json.loads(manifest(BODY, KEY).text()) | {"schema_version": "2"})
FORGED = canonical(json.loads(manifest(BODY, FORGER).text()) | {"schema_version": "2"})


def test_a_later_version_is_not_called_a_forgery() -> None:
    answer = verify_page(seal_page(BODY, sealed(LATER, name_of(KEY), KEY.sign(signed_text(LATER)))), TRUSTED)
    assert answer.outcome is Outcome.UNREADABLE
    assert "Update" in answer.checks[0].words
    assert outcome(seal_page(BODY, sealed(LATER)), None) is Outcome.UNREADABLE


@pytest.mark.parametrize(
    "forged",
    [
        sealed(LATER),
        sealed(LATER, name_of(KEY), FORGER.sign(signed_text(LATER))),
        sealed(LATER, name_of(FORGER), FORGER.sign(signed_text(LATER))),
        sealed(FORGED, name_of(FORGER), FORGER.sign(signed_text(FORGED))),
        sealed(FORGED, name_of(KEY), FORGER.sign(signed_text(FORGED))),
        sealed(canonical({"schema_version": "2"}), name_of(KEY), bytes(64)),
        sealed(canonical({"schema_version": "2", "signer": {"public_key": 1}}), name_of(KEY), bytes(64)),
    ],
    ids=range(7),
)
def test_a_later_version_is_no_way_around_a_trusted_key(forged: Envelope) -> None:
    assert outcome(seal_page(BODY, forged)) is Outcome.REFUSED


@pytest.mark.parametrize(
    ("option", "role"),
    [("model", "against:1"), ("model", "dataset"), ("model", "encoder"), ("data", "outside"), ("data", "classifier")],
)
def test_a_file_that_was_only_used_is_not_what_was_audited(option: str, role: str) -> None:
    used = Material(role=role, id="clf_" + "1" * 24, name="used", digest="b" * 64)
    page = sealed_report(key=KEY, materials=[*statement().materials, used])
    answer = verify_page(page, TRUSTED, {option: "b" * 64})
    assert answer.outcome is Outcome.REFUSED
    assert f"{role} (clf_1" in answer.checks[-1].words


@pytest.mark.parametrize("role", ["classifier:before", "classifier:after"])
def test_either_side_of_a_comparison_is_a_model_of_it(role: str) -> None:
    sides = [Material(role=role, id="clf_" + "1" * 24, name="side", digest=MODEL)]
    answer = verify_page(sealed_report(key=KEY, kind="comparison", materials=sides), TRUSTED, {"model": MODEL})
    assert answer.outcome is Outcome.VERIFIED
    assert role in answer.checks[-1].words


@pytest.mark.parametrize("role", ["", "Role", "a\x1b[2J", "inn:\x9b2J", "inn:\u202e", "inn:a\nb", "\x7f", "a:"])
def test_a_role_that_is_none_is_no_manifest(role: str) -> None:
    with pytest.raises(ValidationError):
        Material(role=role, id="clf_1", name="", digest=MODEL)
    with pytest.raises(ValidationError):
        Product(role=role, digest=MODEL, bytes=1)


@pytest.mark.parametrize("role", ["result", "inn:/layer 1/Conv_output", "against:12", "autoencoder_log", "inn:größe"])
def test_roles_of_real_audits(role: str) -> None:
    assert Product(role=role, digest=MODEL, bytes=1).role == role


def test_a_page_that_holds_a_seal_is_not_sealed_again() -> None:
    with pytest.raises(ValueError, match="seal"):
        seal_page(PAGE, envelope(manifest(PAGE, KEY), KEY))
