"""Keys that a verifier trusts, in whatever form an auditor has them."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from ..manifests import SigningKeyList
from ..manifests.keys import KeyUnreadable, from_base64, from_pem, key_id

FINGERPRINT = re.compile(r"sig_[0-9a-f]{40}")


def trusted_keys(given: str) -> set[str]:
    """Names of the keys that ``given`` stands for.

    It is a file (as ``scotoma report keys -o`` writes it, or PEM, or base64), the base64 of a key, or its name.

    Raises:
        KeyUnreadable: it is none of these.
    """
    if FINGERPRINT.fullmatch(given):
        return {given}
    path = Path(given)
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else given
    return _read(text)


def _read(text: str) -> set[str]:
    if text.startswith("{"):
        return _listed(text)
    return {key_id(from_pem(text) if "-----BEGIN" in text else from_base64(text))}


def _listed(text: str) -> set[str]:
    """Named by what they are, not by what the file calls them."""
    try:
        keys = SigningKeyList.model_validate_json(text).items
    except ValidationError as error:
        raise KeyUnreadable("it is no list of keys as `scotoma report keys` writes it") from error
    return {key_id(from_base64(key.public_key)) for key in keys}
