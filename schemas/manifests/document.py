"""The manifest: what was audited, with which code, what came of it, which report says so, and who signs that."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from ..scalars import Contract, Sha256
from .canonical import NotCanonical, canonical, parse

MANIFEST_VERSION: Final = "1"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds a character that is not printed")
    return text


Printable = Annotated[str, AfterValidator(_printable)]
"""Words of the service: none drives a terminal or turns the direction of writing. Names that users chose may hold
anything, and whoever shows them takes care."""
Role = Annotated[Printable, StringConstraints(pattern=r"^[a-z_]+(:.{1,4096})?$")]
SubjectId = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}_[0-9a-z]{1,60}$")]


class Material(Contract):
    """Something that went in. ``role``: ``classifier``, ``dataset``, ``outside``, ``against:1``, ``audit:before``.

    ``digest`` is of the file as it was uploaded, ``canonical_digest`` of what intake made of it.
    """

    role: Role
    id: SubjectId
    name: str
    digest: Sha256
    canonical_digest: Sha256 | None = None


class Product(Contract):
    """Something that came out. ``role``: ``result``, ``sheets``, ``inn:logits``."""

    role: Role
    digest: Sha256
    bytes: int = Field(ge=0)


class Configuration(Contract):
    """What was asked for."""

    digest: Sha256
    profile: Printable
    seed: int


class Code(Contract):
    """What computed it. ``versions`` are those of the result; ``source_digest`` is over the source files of the service
    that planned and signed it (``None`` where another one did); ``certificate_digest`` names its calibration.
    """

    versions: dict[Printable, Printable]
    stage_code_version: Printable | None = None
    source_digest: Sha256 | None = None
    certificate_digest: Sha256 | None = None


class PolicyOutcome(Contract):
    """What came of a policy."""

    policy: str
    outcome: Printable


class Statement(Contract):
    """All that does not depend on the page that tells it."""

    kind: Literal["audit", "comparison"]
    id: SubjectId
    name: str
    project: SubjectId
    project_name: str
    created_at: datetime
    finished_at: datetime
    materials: list[Material]
    products: list[Product]
    configuration: Configuration | None = None
    code: Code
    policies: list[PolicyOutcome] = []
    gate: Printable | None = None

    def product(self, role: str) -> Product | None:
        """What came out as ``role``."""
        return next((product for product in self.products if product.role == role), None)


class Report(Contract):
    """The page that carries the manifest: digest and length of its bytes up to the seal."""

    digest: Sha256
    bytes: int = Field(ge=0)
    template_version: Printable


class Signer(Contract):
    """Whose key signs. ``key_id`` is made of the key (:func:`schemas.manifests.keys.key_id`); ``service`` is where the
    signer says that it can be reached. ``public_key``: base64 of 32 bytes (ed25519).
    """

    key_id: Printable
    public_key: Printable
    service: str


class Manifest(Contract):
    """What is signed. ``signer`` is ``None`` where the installation has no key: the digests then prove no origin.

    ``original``: of a page that was rendered anew, the digest of the manifest made when the audit ended.
    """

    schema_version: Literal["1"] = MANIFEST_VERSION
    statement: Statement
    report: Report
    signed_at: datetime
    signer: Signer | None = None
    original: Sha256 | None = None

    def text(self) -> bytes:
        """The canonical bytes, which are what is signed."""
        return canonical(self.model_dump(mode="json"))


class ManifestUnreadable(ValueError):
    """The text is no manifest."""


class ManifestNewer(ManifestUnreadable):
    """It is a manifest of a version that this code does not know."""


def read_manifest(data: bytes) -> Manifest:
    """The manifest of a canonical text.

    Raises:
        ManifestNewer: of a later version than this code knows.
        ManifestUnreadable: anything else.
    """
    try:
        value = parse(data)
        _require_known(value)
        return Manifest.model_validate(value)
    except NotCanonical as error:
        raise ManifestUnreadable(str(error)) from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ManifestUnreadable(f"{where[:100] or 'it'} is not what a manifest has there") from error


def _require_known(value: Any) -> None:
    version = value.get("schema_version") if isinstance(value, dict) else None
    if isinstance(version, str) and version.isdecimal() and version != MANIFEST_VERSION:
        raise ManifestNewer(f"it is of version {version[:10]}, this code reads version {MANIFEST_VERSION}")
