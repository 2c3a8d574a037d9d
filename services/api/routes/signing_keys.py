"""``GET /v1/signing-keys``: the public keys that reports of this installation are verified with."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.manifests import SigningKeyList
from services.db.engine import transaction
from services.manifests import keys
from services.manifests.signer import key_pair

from ..access import Viewer
from ..ports import Ports
from ..problems import problems

router = APIRouter(prefix="/v1/signing-keys", tags=["results"])


@router.get("", responses=problems())
def list_signing_keys(ports: Ports, _: Viewer) -> SigningKeyList:
    """Every key that this installation signs, or once signed, with; they are the same for all projects."""
    with transaction(ports.sessions) as session:
        return keys.listed(session, key_pair(ports.settings))
