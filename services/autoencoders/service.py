"""Rules of autoencoders: a row and its intake job begin in one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.autoencoders import Autoencoder, AutoencoderCreate, AutoencoderFacts
from schemas.classifiers import IntakeState
from schemas.problems import Problem
from services.api_keys.service import Principal
from services.db.identifiers import new_id
from services.db.tables import AutoencoderRow, JobKind
from services.files.resource import Resource
from services.uploads import service as uploads


def create(session: Session, principal: Principal, body: AutoencoderCreate) -> Autoencoder:
    """Register an uploaded encoder and decoder and queue their intake.

    Raises:
        InvalidRequest: no upload of this key has one of these ids.
        UploadIncomplete: the bytes of one are not complete.
    """
    encoder, encoder_digest = uploads.completed(session, principal, body.encoder)
    decoder, decoder_digest = uploads.completed(session, principal, body.decoder)
    row = AutoencoderRow(
        id=new_id("aut"),
        name=body.name,
        encoder_upload_id=encoder.id,
        decoder_upload_id=decoder.id,
        encoder_digest=encoder_digest,
        decoder_digest=decoder_digest,
        value_range=list(body.value_range),
    )
    return AUTOENCODERS.add(session, row)


def contract(row: AutoencoderRow) -> Autoencoder:
    """A row as the API answers it."""
    low, high = row.value_range
    return Autoencoder(
        id=row.id,
        name=row.name,
        state=IntakeState(row.state),
        encoder_digest=row.encoder_digest,
        decoder_digest=row.decoder_digest,
        value_range=(low, high),
        facts=None if row.facts is None else AutoencoderFacts.model_validate(row.facts),
        problem=None if row.problem is None else Problem.model_validate(row.problem),
        created_at=row.created_at,
    )


AUTOENCODERS = Resource("autoencoder", AutoencoderRow, JobKind.INTAKE_AUTOENCODER, contract)
"""Every autoencoder."""
