"""Verifies a downloaded report: pure, offline, in words that an auditor understands."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from enum import StrEnum

from ..scalars import Contract, Sha256
from .canonical import parse
from .document import Manifest, ManifestNewer, ManifestUnreadable, Material, Statement, read_manifest
from .envelope import Envelope, EnvelopeUnreadable, signed_text
from .keys import KeyUnreadable, from_base64, is_signed_by, key_id
from .page import SealBroken, SealedPage, Unsealed, open_page

FILES = {"result": "result.json", "model": "the model", "data": "the data"}
"""What may be held against a manifest, and how it is called."""
AUDITED = {"model": {"classifier", "classifier:before", "classifier:after"}, "data": {"dataset"}}
"""Roles of what was audited. A file in any other role was used, and the report says nothing of it."""


class Outcome(StrEnum):
    """What can be said of a report."""

    VERIFIED = "verified"
    """Unchanged, and signed by a key that the verifier trusts."""
    UNKNOWN_SIGNER = "unknown_signer"
    """Unchanged since somebody signed it; the verifier said of no key that it trusts it."""
    UNSIGNED = "unsigned"
    """The digests fit, but nobody signed them: whoever changed the report could have made them."""
    UNREADABLE = "unreadable"
    """The seal is of a later version than this verifier knows."""
    REFUSED = "refused"
    """Changed, forged, not signed by the trusted key, or not about the files that were given."""


class Check(Contract):
    """One thing that was looked at. ``passed`` is ``None`` where it could not be decided."""

    name: str
    passed: bool | None
    words: str


class Verification(Contract):
    """The answer. ``manifest`` is there whenever it could be read, also of a refused report."""

    outcome: Outcome
    checks: list[Check]
    manifest: Manifest | None = None
    key_id: str | None = None


def verify_page(
    data: bytes, trusted: Collection[str] | None = None, files: Mapping[str, Sha256] | None = None
) -> Verification:
    """Verify a report.

    Args:
        data: the downloaded file, byte for byte.
        trusted: names of the keys that are trusted (:func:`schemas.manifests.keys.key_id`); ``None``: nobody said.
        files: SHA-256 of other files to hold against the manifest, by ``result``, ``model`` or ``data``.
    """
    try:
        page = open_page(data)
        document, signature = page.envelope.document(), page.envelope.signature()
        manifest = read_manifest(document)
    except Unsealed:
        words = "The file has no seal. It was made before reports were sealed, or the seal was taken off."
        return _ended(Outcome.UNSIGNED if trusted is None else Outcome.REFUSED, "seal", words)
    except ManifestNewer as newer:
        return _newer(page.envelope, document, signature, trusted, newer)
    except (SealBroken, EnvelopeUnreadable, ManifestUnreadable) as broken:
        return _ended(Outcome.REFUSED, "seal", f"The seal is broken: {broken}.")
    checks = [_content(page, manifest), _signature(page.envelope, manifest, signature)]
    checks += [_signer(manifest, trusted)] if manifest.signer and checks[1].passed else []
    checks += [_file(manifest.statement, name, digest) for name, digest in (files or {}).items()]
    return Verification(
        outcome=_outcome(checks, manifest, trusted),
        checks=checks,
        manifest=manifest,
        key_id=manifest.signer.key_id if manifest.signer else None,
    )


def _ended(outcome: Outcome, name: str, words: str) -> Verification:
    passed = False if outcome is Outcome.REFUSED else None
    return Verification(outcome=outcome, checks=[Check(name=name, passed=passed, words=words)])


def _newer(
    envelope: Envelope, document: bytes, signature: bytes | None, trusted: Collection[str] | None, newer: ManifestNewer
) -> Verification:
    """Of a manifest that cannot be read, a trusted key's signature can be checked all the same: anybody can write a
    later version into it, and that must not be a way around ``trusted``.
    """
    if trusted is None or _is_signed_by_any(envelope, document, signature, trusted):
        return _ended(Outcome.UNREADABLE, "seal", f"The seal cannot be read: {newer}. Update scotoma.")
    words = f"The seal cannot be read: {newer}. Nor is it signed by a key that you trust."
    return _ended(Outcome.REFUSED, "seal", words)


def _is_signed_by_any(envelope: Envelope, document: bytes, signature: bytes | None, trusted: Collection[str]) -> bool:
    try:
        public_key = from_base64(parse(document)["signer"]["public_key"])
    except (KeyUnreadable, KeyError, TypeError):
        return False
    name = key_id(public_key)
    named = signature is not None and name == envelope.signatures[0].keyid and name in trusted
    return named and is_signed_by(public_key, signature or b"", signed_text(document))


def _content(page: SealedPage, manifest: Manifest) -> Check:
    same = (hashlib.sha256(page.body).hexdigest(), len(page.body)) == (manifest.report.digest, manifest.report.bytes)
    words = "The page is byte for byte the one that the manifest names."
    if not same:
        words = "The page is not the one that the manifest names: it was changed, or the manifest is of another report."
    return Check(name="content", passed=same, words=words)


def _signature(envelope: Envelope, manifest: Manifest, signature: bytes | None) -> Check:
    signer = manifest.signer
    if signer is None and signature is None:
        words = "Nobody signed the manifest: the service had no signing key. Its digests prove no origin."
        return Check(name="signature", passed=None, words=words)
    if signer is None or signature is None:
        words = "The manifest names a signer and has no signature, or the other way round: it was tampered with."
        return Check(name="signature", passed=False, words=words)
    if not _is_of_its_key(envelope, manifest, signature):
        words = "The signature is not of this manifest by the key that the manifest names: it was changed or forged."
        return Check(name="signature", passed=False, words=words)
    return Check(name="signature", passed=True, words=f"The manifest is signed with the key {signer.key_id}.")


def _is_of_its_key(envelope: Envelope, manifest: Manifest, signature: bytes) -> bool:
    """The name of a key is made of the key, so a forger's key cannot go by the name of another."""
    if manifest.signer is None:
        return False
    try:
        public_key = from_base64(manifest.signer.public_key)
    except KeyUnreadable:
        return False
    named = {key_id(public_key), manifest.signer.key_id, envelope.signatures[0].keyid}
    return len(named) == 1 and is_signed_by(public_key, signature, signed_text(envelope.document()))


def _signer(manifest: Manifest, trusted: Collection[str] | None) -> Check:
    name = manifest.signer.key_id if manifest.signer else ""
    if trusted is None:
        words = (
            f"Whose key that is, the file cannot prove. Ask the signer, by a way that you trust, whether {name} is "
            "theirs, then verify again with --key."
        )
        return Check(name="signer", passed=None, words=words)
    if name in trusted:
        return Check(name="signer", passed=True, words="That is a key that you trust.")
    return Check(name="signer", passed=False, words=f"That is none of the keys that you trust ({_listed(trusted)}).")


def _file(statement: Statement, name: str, digest: Sha256) -> Check:
    called = FILES[name]
    if name == "result":
        product = statement.product("result")
        same = product is not None and product.digest == digest
        return Check(
            name=name, passed=same, words=f"{called} is {'' if same else 'not '}the one that the manifest names."
        )
    held = [item for item in statement.materials if digest in (item.digest, item.canonical_digest)]
    for item in held:
        if item.role in AUDITED[name]:
            return Check(name=name, passed=True, words=f"{called.capitalize()} is the {item.role}, {item.id}.")
    if held:
        words = f"{called.capitalize()} is not what was audited: the manifest names it as {_roles(held)} only."
        return Check(name=name, passed=False, words=words)
    wanted = _listed([item.digest for item in statement.materials if item.role in AUDITED[name]]) or "none"
    words = f"{called.capitalize()} is none that the manifest names (it has SHA-256 {digest}, named: {wanted})."
    return Check(name=name, passed=False, words=words)


def _roles(items: Collection[Material]) -> str:
    return _listed([f"{item.role} ({item.id})" for item in items])


def _outcome(checks: list[Check], manifest: Manifest, trusted: Collection[str] | None) -> Outcome:
    if any(check.passed is False for check in checks):
        return Outcome.REFUSED
    if manifest.signer is None:
        return Outcome.UNSIGNED if trusted is None else Outcome.REFUSED
    return Outcome.UNKNOWN_SIGNER if trusted is None else Outcome.VERIFIED


def _listed(items: Collection[str]) -> str:
    return ", ".join(sorted(items)[:5])
