"""Whether a stored manifest is what this installation signed. Rows can be written by whoever reaches the database; a
signature by the key, which is not in there, cannot.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import NoReturn

import structlog

from schemas.manifests import Manifest, Statement
from schemas.manifests.document import ManifestUnreadable, read_manifest
from schemas.manifests.envelope import signed_text
from schemas.manifests.keys import KeyUnreadable, from_base64, is_signed_by, key_id
from services.db.trust import ManifestRow
from services.errors import Corrupt

from .signer import SigningKeyPair

log = structlog.get_logger()


def proven(first: ManifestRow, now: Statement, key: SigningKeyPair | None) -> bool:
    """Whether ``first`` is signed by ``key`` and about the same subject and result as ``now``.

    Not so where nobody signed it, or another key did: public keys of before are rows, too, and prove nothing here.

    Args:
        first: a stored manifest.
        now: what would be stated without it.
        key: this installation's.

    Raises:
        Corrupt: it was changed after it was signed, or is of another subject or result.
    """
    if first.key_id is None and first.signature is None:
        return False
    manifest = _read(first)
    if not _is_signed(first, manifest):
        _refuse(first, "its signature is not of its text")
    if not _is_of(manifest.statement, now):
        _refuse(first, "it is of another subject or result")
    return key is not None and first.key_id == key.key_id


def _read(row: ManifestRow) -> Manifest:
    try:
        return read_manifest(row.document.encode())
    except ManifestUnreadable:
        _refuse(row, "it cannot be read")


def _is_signed(row: ManifestRow, manifest: Manifest) -> bool:
    document = row.document.encode()
    if manifest.signer is None or hashlib.sha256(document).hexdigest() != row.digest:
        return False
    try:
        public_key = from_base64(manifest.signer.public_key)
        signature = base64.b64decode(row.signature or "", validate=True)
    except (KeyUnreadable, binascii.Error):
        return False
    named = {key_id(public_key), manifest.signer.key_id, row.key_id}
    return len(named) == 1 and is_signed_by(public_key, signature, signed_text(document))


def _is_of(before: Statement, now: Statement) -> bool:
    same = (before.kind, before.id, before.project) == (now.kind, now.id, now.project)
    return same and before.product("result") == now.product("result")


def _refuse(row: ManifestRow, why: str) -> NoReturn:
    log.error("manifest.tampered", subject=row.subject_id, digest=row.digest, why=why)
    advice = "The manifest in the database was changed: restore it from a backup, and find out who did it."
    raise Corrupt(f"The report of {row.subject_id} is not signed again: {why}.", advice)
