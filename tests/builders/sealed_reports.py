"""Sealed reports for tests: small pages with a real manifest and a real signature."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.manifests import Code, Configuration, Manifest, Material, Product, Report, Signer, Statement
from schemas.manifests.envelope import Envelope, sealed, signed_text
from schemas.manifests.keys import key_id
from schemas.manifests.page import seal_page

BODY = "<!doctype html>\n<html><body><h1>What “model” ignores</h1>\n<p>hue</p>\r\n</body></html>".encode()
MODEL, DATA, RESULT = ("1" * 64, "2" * 64, "3" * 64)
WHEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def private_key(number: int = 1) -> Ed25519PrivateKey:
    """A key of its own for each number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def name_of(key: Ed25519PrivateKey) -> str:
    """The name of its public half."""
    return key_id(key.public_key().public_bytes_raw())


def signer(key: Ed25519PrivateKey) -> Signer:
    """As a manifest names it."""
    raw = key.public_key().public_bytes_raw()
    return Signer(key_id=key_id(raw), public_key=base64.b64encode(raw).decode(), service="https://audits.example.org")


def statement(**changes: Any) -> Statement:
    """What an audit states."""
    given: dict[str, Any] = {
        "kind": "audit",
        "id": "aud_" + "0" * 24,
        "name": "model on images",
        "project": "prj_" + "0" * 24,
        "project_name": "default",
        "created_at": WHEN,
        "finished_at": WHEN,
        "materials": [
            Material(role="classifier", id="clf_" + "0" * 24, name="model", digest=MODEL, canonical_digest="4" * 64),
            Material(role="dataset", id="dat_" + "0" * 24, name="images", digest=DATA),
        ],
        "products": [Product(role="result", digest=RESULT, bytes=10)],
        "configuration": Configuration(digest="5" * 64, profile="quick", seed=0),
        "code": Code(versions={"scotoma": "1.0"}),
    }
    return Statement(**{**given, **changes})


def manifest(body: bytes = BODY, key: Ed25519PrivateKey | None = None, **changes: Any) -> Manifest:
    """The manifest of ``body``."""
    report = Report(digest=hashlib.sha256(body).hexdigest(), bytes=len(body), template_version="3")
    return Manifest(
        statement=statement(**changes), report=report, signed_at=WHEN, signer=signer(key) if key is not None else None
    )


def envelope(made: Manifest, key: Ed25519PrivateKey | None) -> Envelope:
    """Signed with ``key``, whatever key the manifest names."""
    if key is None:
        return sealed(made.text())
    named = made.signer.key_id if made.signer else name_of(key)
    return sealed(made.text(), named, key.sign(signed_text(made.text())))


def sealed_report(body: bytes = BODY, key: Ed25519PrivateKey | None = None, **changes: Any) -> bytes:
    """A page as it is downloaded."""
    return seal_page(body, envelope(manifest(body, key, **changes), key))
