"""Calls about trust: sealed reports, their manifests, and the keys that they are verified with."""

from __future__ import annotations

from ..manifests import Envelope, SigningKey, SigningKeyList
from .exchange import Exchange


class TrustCalls(Exchange):
    """What an auditor keeps."""

    def sealed_report(self, subject: str, *, original: bool = False) -> bytes:
        """The report of an audit or of a comparison, byte for byte: what ``scotoma report verify`` takes.

        Args:
            subject: ``aud_…`` or ``cmp_…``.
            original: of an audit: the very page that was stored when it ended, whatever today's template is.

        Raises:
            ServiceError: ``report-not-ready`` before the end, ``gone`` after its project's retention.
        """
        parameters = {"original": "true"} if original else None
        return self._transport.send("GET", f"{_path(subject)}/report", params=parameters).content

    def manifest(self, subject: str) -> Envelope:
        """The signed manifest of an audit or of a comparison.

        Raises:
            ServiceError: ``not-found``: none was made yet.
        """
        return self._get(f"{_path(subject)}/manifest", Envelope)

    def signing_keys(self) -> list[SigningKey]:
        """Every public key that the service signs, or once signed, with."""
        return self._get("/v1/signing-keys", SigningKeyList).items


def _path(subject: str) -> str:
    return f"/v1/{'comparisons' if subject.startswith('cmp_') else 'audits'}/{subject}"
