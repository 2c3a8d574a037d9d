"""The key that this installation signs with."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.manifests import Envelope, Manifest, Signer
from schemas.manifests.envelope import sealed, signed_text
from schemas.manifests.keys import key_id
from services.settings import Settings


@dataclass(frozen=True)
class SigningKeyPair:
    """An ed25519 key and its name. ``service`` is where people reach this installation."""

    private_key: Ed25519PrivateKey
    service: str

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that anybody may know."""
        return self.private_key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The name of the key."""
        return key_id(self.public_key)

    def contract(self) -> Signer:
        """As a manifest names it."""
        public_key = base64.b64encode(self.public_key).decode()
        return Signer(key_id=self.key_id, public_key=public_key, service=self.service)


def key_pair(settings: Settings) -> SigningKeyPair | None:
    """The key of the settings; ``None`` where there is none: manifests are then made, and not signed."""
    seed = settings.signing_key.get_secret_value()
    if not seed:
        return None
    return SigningKeyPair(Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed)), settings.public_url)


def signed(manifest: Manifest, key: SigningKeyPair | None) -> Envelope:
    """The envelope of ``manifest``, whose ``signer`` is that of ``key``."""
    document = manifest.text()
    if key is None:
        return sealed(document)
    return sealed(document, key.key_id, key.private_key.sign(signed_text(document)))
