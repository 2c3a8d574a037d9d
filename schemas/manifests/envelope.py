"""The envelope: a manifest's text and its signature, as DSSE v1 has them (github.com/secure-systems-lab/dsse).

What is signed is not the text alone but the text with its type before it: a signature of something else can never pass
for one of a manifest.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, Literal

from pydantic import Field, ValidationError

from ..scalars import Contract
from .canonical import NotCanonical, canonical, parse

PAYLOAD_TYPE: Final = "application/vnd.scotoma.manifest.v1+json"
SIGNATURE_BYTES = 64


class EnvelopeUnreadable(ValueError):
    """The text is no envelope of a manifest."""


class Signature(Contract):
    """``keyid`` says with which key, ``sig`` is base64 of 64 bytes."""

    keyid: str
    sig: str


class Envelope(Contract):
    """``payload`` is base64 of the manifest's canonical text. No signature where the installation has no key."""

    payloadType: Literal["application/vnd.scotoma.manifest.v1+json"] = PAYLOAD_TYPE
    payload: str
    signatures: list[Signature] = Field(max_length=1)

    def text(self) -> bytes:
        """The canonical bytes."""
        return canonical(self.model_dump(mode="json"))

    def document(self) -> bytes:
        """The manifest's text.

        Raises:
            EnvelopeUnreadable: the payload is not base64 in its one spelling.
        """
        return strict_base64(self.payload)

    def signature(self) -> bytes | None:
        """The 64 bytes; ``None`` where it is not signed.

        Raises:
            EnvelopeUnreadable: they are something else.
        """
        if not self.signatures:
            return None
        data = strict_base64(self.signatures[0].sig)
        if len(data) != SIGNATURE_BYTES:
            raise EnvelopeUnreadable("the signature has another length")
        return data


def signed_text(document: bytes) -> bytes:
    """What a signature of ``document`` is over: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(document), document)


def sealed(document: bytes, keyid: str | None = None, signature: bytes | None = None) -> Envelope:
    """The envelope of ``document``, signed where there is a signature."""
    signed = keyid is not None and signature is not None
    signatures = [Signature(keyid=keyid or "", sig=base64.b64encode(signature or b"").decode())] if signed else []
    return Envelope(payload=base64.b64encode(document).decode(), signatures=signatures)


def read_envelope(data: bytes) -> Envelope:
    """The envelope of a canonical text.

    Raises:
        EnvelopeUnreadable: it is none.
    """
    try:
        return Envelope.model_validate(parse(data))
    except NotCanonical as error:
        raise EnvelopeUnreadable(str(error)) from error
    except ValidationError as error:
        raise EnvelopeUnreadable("it has not the parts of an envelope") from error


def strict_base64(text: str) -> bytes:
    """The bytes of base64 text that is spelled in the one right way.

    Raises:
        EnvelopeUnreadable: it is not.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeUnreadable("it is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise EnvelopeUnreadable("it is base64 in another spelling")
    return data
