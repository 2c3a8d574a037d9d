"""Signed manifests: what an audit rests on and came to, in a form that proves itself offline."""

from .document import (
    Code,
    Configuration,
    Manifest,
    Material,
    PolicyOutcome,
    Product,
    Report,
    Signer,
    Statement,
)
from .envelope import Envelope, Signature
from .keys import SigningKey, SigningKeyList

__all__ = [
    "Code",
    "Configuration",
    "Envelope",
    "Manifest",
    "Material",
    "PolicyOutcome",
    "Product",
    "Report",
    "Signature",
    "Signer",
    "SigningKey",
    "SigningKeyList",
    "Statement",
]
