"""``/v1/autoencoders``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from schemas.autoencoders import Autoencoder, AutoencoderCreate, AutoencoderPage
from schemas.scalars import Sha256
from services.autoencoders import service
from services.autoencoders.service import AUTOENCODERS

from .. import cursors
from ..access import Submitter, Viewer
from ..cursors import Cursor, Limit
from ..idempotency import OptionalKey, accepted
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/autoencoders"
router = APIRouter(prefix=PATH, tags=["autoencoders"])
SameEncoder = Annotated[Sha256 | None, Query(description="Only those whose encoder has these bytes")]
SameDecoder = Annotated[Sha256 | None, Query(description="Only those whose decoder has these bytes")]


@router.post("", status_code=202, response_model=Autoencoder, responses=problems(409, 413, 429))
def create_autoencoder(
    body: AutoencoderCreate, ports: Ports, principal: Submitter, key: OptionalKey = None
) -> JSONResponse:
    """Register an uploaded encoder and decoder. They are read in a sandbox: poll `Location` until it is done."""
    return accepted(ports, principal, key, PATH, body, lambda session: service.create(session, principal, body))


@router.get("", responses=problems())
def list_autoencoders(
    ports: Ports,
    principal: Viewer,
    encoder_digest: SameEncoder = None,
    decoder_digest: SameDecoder = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> AutoencoderPage:
    """Autoencoders, newest first."""
    with ports.tenant(principal) as session:
        items, following = AUTOENCODERS.page(
            session, cursors.decode(cursor), limit, encoder_digest=encoder_digest, decoder_digest=decoder_digest
        )
    return AutoencoderPage(items=items, next=cursors.encode(following))


@router.get("/{autoencoder}", responses=problems(404))
def show_autoencoder(autoencoder: Id, ports: Ports, principal: Viewer) -> Autoencoder:
    """One autoencoder."""
    with ports.tenant(principal) as session:
        return AUTOENCODERS.get(session, autoencoder)
