"""Secrets that must be used again (of webhooks and registries) lie sealed in the database.

Fernet (AES-128-CBC and HMAC-SHA256, authenticated), under keys that HKDF-SHA256 derives from ``secret_key``.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from services.errors import Corrupt, SecretsUnconfigured

PURPOSE = b"scotoma: secrets in the database, 1"
SHORTEST_KEY = 32
"""Characters. HKDF stretches no weak password: the key is to be random, as ``openssl rand -base64 32`` prints it."""

ADVICE = "Ask the operator to set SCOTOMA_SECRET_KEY, for example to what `openssl rand -base64 32` prints."


class Sealer:
    """Seals with the first of the keys in ``secret_key`` (separated by commas) and opens with any of them.

    To rotate, put a new key first, and take the old one away when nothing is sealed with it any more.
    """

    def __init__(self, secret_key: SecretStr) -> None:
        self._keys = [key.strip() for key in secret_key.get_secret_value().split(",") if key.strip()]

    def check(self) -> None:
        """Whether secrets can be stored here at all.

        Raises:
            SecretsUnconfigured: no key is set, or a weak one.
        """
        if not self._keys:
            raise SecretsUnconfigured("This installation has no key to seal secrets with.", ADVICE)
        if any(len(key) < SHORTEST_KEY for key in self._keys):
            raise SecretsUnconfigured(f"A sealing key is shorter than {SHORTEST_KEY} characters.", ADVICE)

    def seal(self, secret: str) -> str:
        """``secret``, sealed; sealing twice gives two texts.

        Raises:
            SecretsUnconfigured: no key is set, or a weak one.
        """
        return self._box().encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """What was sealed.

        Raises:
            SecretsUnconfigured: no key is set, or a weak one.
            Corrupt: no key of this installation opens it.
        """
        try:
            return self._box().decrypt(sealed.encode()).decode()
        except InvalidToken:
            advice = "The key that sealed it is gone: put it back behind the new one, or rotate the secret."
            raise Corrupt("A stored secret cannot be opened.", advice) from None

    def _box(self) -> MultiFernet:
        self.check()
        return MultiFernet([Fernet(_derived(key)) for key in self._keys])


def _derived(key: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(key.encode()))
