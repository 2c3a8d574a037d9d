"""Public keys: their names are made of them, so a key cannot take the name of another."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ..scalars import Contract, Identifier

KEY_BYTES = 32


class SigningKey(Contract):
    """A public key that an installation signs, or once signed, with. ``pem`` is the same key for other software."""

    id: Identifier
    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str
    pem: str
    created_at: datetime
    current: bool


class SigningKeyList(Contract):
    """Every key, the newest first."""

    items: list[SigningKey]


class KeyUnreadable(ValueError):
    """The text is no ed25519 public key."""


def key_id(public_key: bytes) -> str:
    """The name of a key: ``sig_`` and the first 160 bits of its SHA-256 in hex. Also its fingerprint, for people."""
    return "sig_" + hashlib.sha256(public_key).hexdigest()[:40]


def pem_of(public_key: bytes) -> str:
    """SubjectPublicKeyInfo in PEM, which OpenSSL and most others read."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def from_base64(text: str) -> bytes:
    """The 32 bytes of a key.

    Raises:
        KeyUnreadable: not base64 in its one spelling, or of another length.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyUnreadable("it is not base64") from error
    if len(data) != KEY_BYTES or base64.b64encode(data).decode() != text:
        raise KeyUnreadable(f"it is not base64 of {KEY_BYTES} bytes")
    return data


def from_pem(text: str) -> bytes:
    """The 32 bytes of a key in PEM.

    Raises:
        KeyUnreadable: it is none, or of another algorithm.
    """
    try:
        key = load_pem_public_key(text.encode())
    except ValueError as error:
        raise KeyUnreadable("it is no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnreadable("it is not an ed25519 key")
    return key.public_bytes_raw()


def is_signed_by(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` is of ``data`` by the holder of the key (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
