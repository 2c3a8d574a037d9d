"""An audit's subject after intake, and stores to run stages on without a server."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from schemas.audits import AuditConfig
from schemas.classifiers import Classifier, ClassifierFacts, InputSpec, IntakeState
from schemas.datasets import Dataset, DatasetFacts
from schemas.ports import BlobMissing
from schemas.stages import AuditSubject

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryStore:
    """A blob store in memory, for pure stages only; services are tested on S3."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Store and name by digest."""
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        """What was stored."""
        if digest not in self.blobs:
            raise BlobMissing(digest)
        return self.blobs[digest]

    def exists(self, digest: str) -> bool:
        """Whether it was stored."""
        return digest in self.blobs


def classifier(facts: ClassifierFacts | None, digest: str = "a" * 64, name: str = "a.onnx") -> Classifier:
    """An accepted classifier."""
    return Classifier(
        id="clf_" + "0" * 16, name=name, state=IntakeState.READY, digest=digest, bytes=1000, input=InputSpec(),
        classes=None, facts=facts, created_at=WHEN,
    )  # fmt: skip


def dataset(facts: DatasetFacts | None, digest: str = "b" * 64, name: str = "b.npz") -> Dataset:
    """An accepted dataset."""
    return Dataset(
        id="dat_" + "0" * 16, name=name, state=IntakeState.READY, digest=digest, bytes=1000, attributes={}, facts=facts,
        created_at=WHEN,
    )  # fmt: skip


def classifier_facts(digest: str = "c" * 64, classes: int = 10) -> ClassifierFacts:
    """Facts of a small image classifier."""
    return ClassifierFacts(
        canonical_digest=digest, opset=18, parameters=1000, nodes=8, layout="nchw", input_name="image",
        input_shape=[None, 3, 28, 28], output_name="logits", output_kind="logits", classes=classes, dynamic_batch=True,
        deterministic=True,
    )  # fmt: skip


def dataset_facts(digest: str = "d" * 64) -> DatasetFacts:
    """Facts of a small dataset without attributes."""
    return DatasetFacts(
        canonical_digest=digest, images=300, height=28, width=28, channels=3, labelled=True, classes=None, attributes=[]
    )


def subject(config: AuditConfig | None = None, model_digest: str = "c" * 64) -> AuditSubject:
    """An audit that is ready to be planned."""
    return AuditSubject(
        audit_id="aud_" + "0" * 16, name="an audit", created_at=WHEN, attempt=1, config=config or AuditConfig(),
        classifier=classifier(classifier_facts(model_digest)), dataset=dataset(dataset_facts()),
    )  # fmt: skip
