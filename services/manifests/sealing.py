"""Makes sealed pages: a page is rendered with the name of its signer, and its manifest is put at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.manifests import Envelope, Manifest, Report, Statement
from schemas.manifests.page import seal_page
from schemas.scalars import Sha256
from services.reports.seal import SealNote

from .signer import SigningKeyPair, signed

Render = Callable[[SealNote], str]


@dataclass(frozen=True)
class Sealed:
    """A page with its seal, and what the seal holds."""

    page: bytes
    manifest: Manifest
    envelope: Envelope

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the manifest's text: its name."""
        return hashlib.sha256(self.manifest.text()).hexdigest()


def sealed(
    statement: Statement,
    render: Render,
    template_version: str,
    key: SigningKeyPair | None,
    signed_at: datetime,
    original: Sha256 | None = None,
) -> Sealed:
    """Render, and seal what came out.

    Args:
        statement: what is stated beside the page.
        render: makes the page; told who signs it.
        template_version: of the page.
        key: what it is signed with; ``None``: the manifest says that nobody signed it.
        signed_at: now, by the database's clock.
        original: digest of the manifest that this one follows.
    """
    note = SealNote(key.key_id if key else None, key.service if key else "", signed_at)
    body = render(note).encode()
    manifest = Manifest(
        statement=statement,
        report=Report(digest=hashlib.sha256(body).hexdigest(), bytes=len(body), template_version=template_version),
        signed_at=signed_at,
        signer=key.contract() if key else None,
        original=original,
    )
    envelope = signed(manifest, key)
    return Sealed(seal_page(body, envelope), manifest, envelope)
