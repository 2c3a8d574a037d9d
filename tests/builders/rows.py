"""Rows for the tests of the service: uploads, classifiers, datasets, audits and their jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from services.db.identifiers import new_id
from services.db.tables import AuditRow, AutoencoderRow, ClassifierRow, DatasetRow, JobKind, UploadRow
from services.jobs.queue import enqueue

DIGEST = "ab" * 32


def add_upload(session: Session, digest: str = DIGEST) -> str:
    """A complete upload."""
    upload = UploadRow(
        id=new_id("upl"),
        filename="file.bin",
        bytes=3,
        transfer="direct",
        state="complete",
        digest=digest,
        principal="key_test",
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    session.add(upload)
    session.flush()
    return upload.id


def classifier_facts(digest: str = DIGEST) -> dict[str, Any]:
    """Facts of a small classifier."""
    return {
        "canonical_digest": digest,
        "opset": 17,
        "parameters": 10,
        "nodes": 3,
        "layout": "nchw",
        "input_name": "x",
        "input_shape": [None, 3, 8, 8],
        "output_name": "y",
        "output_kind": "logits",
        "classes": 10,
        "dynamic_batch": True,
        "deterministic": True,
    }


def dataset_facts(digest: str = DIGEST) -> dict[str, Any]:
    """Facts of a small dataset."""
    size = {"images": 100, "height": 8, "width": 8, "channels": 3}
    return {"canonical_digest": digest, "labelled": False, "attributes": [], **size}


def graph_inputs(**changes: Any) -> dict[str, Any]:
    """What a classifier of molecules takes."""
    sizes = {"node_features": 4, "edge_features": 3, "edge_axis": True, "size": None}
    return {"nodes": "nodes", "adjacency": "adjacency", "mask": "mask", **sizes, **changes}


def graph_dataset_facts(**changes: Any) -> dict[str, Any]:
    """What makes the facts of a dataset those of molecules."""
    graph = {"nodes": 9, "node_features": 4, "edge_features": 3, **changes}
    return {"kind": "graphs", "graph": graph, "height": 9, "width": 9, "channels": 8}


def add_classifier(session: Session, name: str = "model", state: str = "ready", **facts: Any) -> str:
    """A classifier; a pending one has an intake job."""
    ready = {"facts": {**classifier_facts(), **facts}} if state == "ready" else {}
    row = ClassifierRow(
        id=new_id("clf"),
        name=name,
        state=state,
        upload_id=add_upload(session),
        digest=DIGEST,
        bytes=3,
        filename="model.onnx",
        input={},
        **ready,
    )
    session.add(row)
    session.flush()
    if state == "pending":
        enqueue(session, JobKind.INTAKE_CLASSIFIER, row.id)
    return row.id


def add_dataset(session: Session, name: str = "images", state: str = "ready", **facts: Any) -> str:
    """A dataset; a pending one has an intake job."""
    ready = {"facts": {**dataset_facts(), **facts}} if state == "ready" else {}
    row = DatasetRow(
        id=new_id("dat"),
        name=name,
        state=state,
        upload_id=add_upload(session),
        digest=DIGEST,
        bytes=3,
        filename="images.npz",
        attributes={},
        **ready,
    )
    session.add(row)
    session.flush()
    if state == "pending":
        enqueue(session, JobKind.INTAKE_DATASET, row.id)
    return row.id


def autoencoder_facts(digest: str = DIGEST, **size: int) -> dict[str, Any]:
    """Facts of an autoencoder for the images of :func:`dataset_facts`."""
    shape = {"height": 8, "width": 8, "channels": 3, **size}
    return {"encoder_digest": digest, "decoder_digest": digest, "code_dim": 6, **shape}


def add_autoencoder(session: Session, name: str = "own", state: str = "ready", **size: int) -> str:
    """An autoencoder; a pending one has an intake job."""
    ready = {"facts": autoencoder_facts(**size)} if state == "ready" else {}
    row = AutoencoderRow(
        id=new_id("aut"),
        name=name,
        state=state,
        encoder_upload_id=add_upload(session),
        decoder_upload_id=add_upload(session),
        encoder_digest=DIGEST,
        decoder_digest=DIGEST,
        value_range=[0.0, 1.0],
        **ready,
    )
    session.add(row)
    session.flush()
    if state == "pending":
        enqueue(session, JobKind.INTAKE_AUTOENCODER, row.id)
    return row.id


def add_audit(
    session: Session,
    name: str = "ok",
    classifier: str | None = None,
    dataset: str | None = None,
    config: dict[str, Any] | None = None,
) -> str:
    """A queued audit with its job."""
    audit = AuditRow(
        id=new_id("aud"),
        name=name,
        classifier_id=classifier or add_classifier(session),
        dataset_id=dataset or add_dataset(session),
        config=config or {},
    )
    session.add(audit)
    session.flush()
    enqueue(session, JobKind.AUDIT, audit.id)
    return audit.id
