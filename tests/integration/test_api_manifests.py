"""Reports are sealed where they are served: verifiable by themselves, stored, and signed anew for a new template."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr
from sqlalchemy import Engine, func, select, update

from schemas.api_keys import Scope
from schemas.manifests import Envelope, Manifest
from schemas.manifests.document import read_manifest
from schemas.manifests.envelope import signed_text
from schemas.manifests.verification import Outcome, verify_page
from schemas.results import Sheets
from services.api import sealed_pages
from services.audits.removal import mark_removed
from services.db.engine import transaction
from services.db.tables import AuditRow
from services.db.trust import ManifestRow, SigningKeyRow, TrailRow
from services.manifests import audits as manifest_audits
from services.manifests.signer import SigningKeyPair
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.results import result, sheets
from tests.builders.rows import add_audit

SEED, NEXT_SEED = (base64.b64encode(bytes([number]) * 32).decode() for number in (7, 8))


@pytest.fixture
def signing(settings: Settings) -> Settings:
    """Settings with a key."""
    return settings.model_copy(update={"signing_key": SecretStr(SEED), "public_url": "https://audits.example.org"})


@pytest.fixture
def api(signing: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(signing, engine, store) as api:
        yield api


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.http(Scope.VIEWER) as client:
        yield client


def finished(api: Api, pictures: Sheets | None = None) -> str:
    with transaction(api.factory) as session:
        audit = add_audit(session)
    api.run(audit)
    api.succeed(audit, result(), pictures)
    return audit


def key_ids(http: httpx.Client) -> set[str]:
    return {item["id"] for item in http.get("/v1/signing-keys").json()["items"]}


def test_a_downloaded_report_verifies_with_the_services_keys(api: Api, http: httpx.Client) -> None:
    audit = finished(api, sheets())
    page = http.get(f"/v1/audits/{audit}/report").content
    data = http.get(f"/v1/audits/{audit}/result").content
    answer = verify_page(page, key_ids(http), {"result": hashlib.sha256(data).hexdigest()})
    assert answer.outcome is Outcome.VERIFIED
    assert answer.manifest is not None
    assert answer.manifest.signer is not None
    assert answer.manifest.signer.service == "https://audits.example.org"
    assert answer.manifest.statement.project_name == "default"
    assert {product.role for product in answer.manifest.statement.products} == {"result", "sheets"}
    assert answer.key_id is not None
    assert answer.key_id in page.decode()
    assert verify_page(page.replace(b"</body>", b" </body>"), key_ids(http)).outcome is Outcome.REFUSED


def test_it_is_rendered_and_signed_once(api: Api, http: httpx.Client) -> None:
    audit = finished(api)
    first, again = (http.get(f"/v1/audits/{audit}/report") for _ in range(2))
    assert first.content == again.content
    assert first.headers["etag"] == again.headers["etag"]
    known = http.get(f"/v1/audits/{audit}/report", headers={"If-None-Match": first.headers["etag"]})
    assert known.status_code == 304


def test_the_manifest_is_the_one_in_the_page(api: Api, http: httpx.Client) -> None:
    audit = finished(api)
    before = http.get(f"/v1/audits/{audit}/manifest")
    assert (before.status_code, before.json()["code"]) == (404, "not-found")
    page = http.get(f"/v1/audits/{audit}/report").content
    told = http.get(f"/v1/audits/{audit}/manifest").json()
    envelope = Envelope.model_validate(told)
    assert base64.b64encode(envelope.text()) in page
    assert read_manifest(envelope.document()).statement.products[0].role == "result"


def test_a_newer_template_is_signed_anew_and_names_the_first(
    api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = finished(api)
    first = http.get(f"/v1/audits/{audit}/report").content
    with transaction(api.factory) as session:
        row = session.scalars(select(ManifestRow)).one()
        row.original = True
    for module in (sealed_pages, manifest_audits):
        monkeypatch.setattr(module, "TEMPLATE_VERSION", "99")
    second = http.get(f"/v1/audits/{audit}/report").content
    assert second != first
    answer = verify_page(second, key_ids(http))
    assert answer.outcome is Outcome.VERIFIED
    assert answer.manifest is not None
    assert answer.manifest.report.template_version == "99"
    assert answer.manifest.original == row.digest
    assert answer.manifest.statement == read_manifest(row.document.encode()).statement
    assert http.get(f"/v1/audits/{audit}/report?original=true").content == first
    assert http.get(f"/v1/audits/{audit}/report").content == second


def kept_and_outdated(api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """An audit whose first manifest is stored, and whose page is by an older template than today's."""
    audit = finished(api)
    http.get(f"/v1/audits/{audit}/report").raise_for_status()
    with transaction(api.factory) as session:
        session.execute(update(ManifestRow).where(ManifestRow.subject_id == audit).values(original=True))
    for module in (sealed_pages, manifest_audits):
        monkeypatch.setattr(module, "TEMPLATE_VERSION", "99")
    return audit


def forge(api: Api, key: Ed25519PrivateKey | None = None, **changes: Any) -> None:
    """Whoever reaches the database writes another name into the first manifest, and all that depends on it."""
    with transaction(api.factory) as session:
        row = session.scalars(select(ManifestRow)).one()
        told = read_manifest(row.document.encode())
        told = told.model_copy(update={"statement": told.statement.model_copy(update={"name": "forged"})})
        if key is not None:
            told = told.model_copy(update={"signer": SigningKeyPair(key, "").contract()})
        row.document, row.digest = told.text().decode(), hashlib.sha256(told.text()).hexdigest()
        if key is not None and told.signer is not None:
            row.key_id = told.signer.key_id
            row.signature = base64.b64encode(key.sign(signed_text(told.text()))).decode()
            session.add(SigningKeyRow(id=told.signer.key_id, public_key=told.signer.public_key))
        for name, value in changes.items():
            setattr(row, name, value)


def stated(http: httpx.Client, audit: str) -> Manifest:
    """What a report says that it is about, signed by the installation's own key."""
    current = {item["id"] for item in http.get("/v1/signing-keys").json()["items"] if item["current"]}
    answer = verify_page(http.get(f"/v1/audits/{audit}/report").raise_for_status().content, current)
    assert (answer.outcome, answer.manifest is not None) == (Outcome.VERIFIED, True)
    return cast(Manifest, answer.manifest)


def test_a_manifest_that_was_changed_in_the_database_is_not_signed_again(
    api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = kept_and_outdated(api, http, monkeypatch)
    forge(api)
    answer = http.get(f"/v1/audits/{audit}/report")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "not signed again" in answer.json()["detail"]
    with transaction(api.factory) as session:
        assert session.scalar(select(func.count()).select_from(ManifestRow)) == 1


def test_a_manifest_without_a_signature_states_nothing(
    api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = kept_and_outdated(api, http, monkeypatch)
    forge(api, key_id=None, signature=None)
    told = stated(http, audit)
    assert (told.statement.name, told.original) == (result().audit.name, None)


def test_a_manifest_by_a_key_that_somebody_put_into_the_database_states_nothing(
    api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = kept_and_outdated(api, http, monkeypatch)
    forge(api, Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    told = stated(http, audit)
    assert (told.statement.name, told.original) == (result().audit.name, None)


def test_another_audits_manifest_does_not_pass_for_this_ones(
    api: Api, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = kept_and_outdated(api, http, monkeypatch)
    other = result().model_copy(update={"audit": result().audit.model_copy(update={"id": "aud_" + "5" * 24})})
    with transaction(api.factory) as session:
        swapped = add_audit(session)
    api.run(swapped)
    api.succeed(swapped, other)
    with transaction(api.factory) as session:
        session.execute(update(ManifestRow).where(ManifestRow.subject_id == audit).values(subject_id=swapped))
    answer = http.get(f"/v1/audits/{swapped}/report")
    assert (answer.status_code, "another subject" in answer.json()["detail"]) == (500, True)


def test_there_is_no_original_where_none_was_stored(api: Api, http: httpx.Client) -> None:
    audit = finished(api)
    answer = http.get(f"/v1/audits/{audit}/report?original=true")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_a_page_that_is_gone_is_made_again(api: Api, http: httpx.Client) -> None:
    audit = finished(api)
    first = http.get(f"/v1/audits/{audit}/report").content
    key = api.store.key(hashlib.sha256(first).hexdigest())
    api.store.client.delete_object(Bucket=api.store.bucket.name, Key=key)
    assert verify_page(http.get(f"/v1/audits/{audit}/report").content, key_ids(http)).outcome is Outcome.VERIFIED


def test_without_a_key_it_says_that_nobody_signed(settings: Settings, engine: Engine, store: S3BlobStore) -> None:
    with api_in_thread(settings, engine, store) as api, api.http(Scope.VIEWER) as http:
        audit = finished(api)
        page = http.get(f"/v1/audits/{audit}/report").content
        assert http.get("/v1/signing-keys").json() == {"items": []}
    assert b"This report is not signed" in page
    assert verify_page(page).outcome is Outcome.UNSIGNED


def test_a_key_that_comes_later_signs_what_was_not_signed(
    settings: Settings, signing: Settings, engine: Engine, store: S3BlobStore
) -> None:
    with api_in_thread(settings, engine, store) as api, api.http(Scope.VIEWER) as http:
        audit = finished(api)
        assert verify_page(http.get(f"/v1/audits/{audit}/report").content).outcome is Outcome.UNSIGNED
    with api_in_thread(signing, engine, store) as api, api.http(Scope.VIEWER) as http:
        page = http.get(f"/v1/audits/{audit}/report").content
        assert verify_page(page, key_ids(http)).outcome is Outcome.VERIFIED


def test_old_keys_stay_after_a_rotation(
    signing: Settings, api: Api, http: httpx.Client, engine: Engine, store: S3BlobStore
) -> None:
    audit = finished(api)
    page = http.get(f"/v1/audits/{audit}/report").content
    rotated = signing.model_copy(update={"signing_key": SecretStr(NEXT_SEED)})
    with api_in_thread(rotated, engine, store) as later, later.http(Scope.VIEWER) as client:
        items = client.get("/v1/signing-keys").json()["items"]
        again = client.get(f"/v1/audits/{audit}/report").content
        assert [item["current"] for item in items].count(True) == 1
        assert len(items) == 2
        assert again == page
        assert verify_page(again, key_ids(client)).outcome is Outcome.VERIFIED
        new = client.get(f"/v1/audits/{finished(later)}/report").content
        assert verify_page(new, {item["id"] for item in items if item["current"]}).outcome is Outcome.VERIFIED


def test_readers_at_the_same_time_get_one_page_each_that_verifies(api: Api) -> None:
    audit = finished(api)

    def read(_: int) -> bytes:
        with api.http(Scope.VIEWER) as http:
            return http.get(f"/v1/audits/{audit}/report").content

    api.key(Scope.VIEWER)
    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(read, range(4)))
    assert len(set(pages)) == 1
    assert verify_page(pages[0]).outcome is Outcome.UNKNOWN_SIGNER
    with transaction(api.factory) as session:
        assert session.scalar(select(func.count()).select_from(ManifestRow)) == 1


def test_reading_a_report_or_its_manifest_is_in_the_trail(api: Api, http: httpx.Client) -> None:
    audit = finished(api)
    http.get(f"/v1/audits/{audit}/report")
    etag = http.get(f"/v1/audits/{audit}/manifest").headers["etag"]
    assert http.get(f"/v1/audits/{audit}/manifest", headers={"If-None-Match": etag}).status_code == 304
    with transaction(api.factory) as session:
        read = session.scalars(select(TrailRow.subject).order_by(TrailRow.id)).all()
    assert read == [f"{audit}/report", f"{audit}/manifest"]


def test_a_removed_audit_is_gone_and_not_unknown(api: Api, http: httpx.Client) -> None:
    with transaction(api.factory) as session:
        project = session.get_one(AuditRow, add_audit(session)).project_id
        removed = "aud_" + "7" * 24
        mark_removed(session, project, removed)
    for end in ("", "/report", "/result", "/manifest", "/artifacts"):
        answer = http.get(f"/v1/audits/{removed}{end}")
        assert (answer.status_code, answer.json()["code"]) == (410, "gone"), end
    assert http.get("/v1/audits/aud_" + "8" * 24).status_code == 404
    assert "retention" in json.dumps(answer.json())
