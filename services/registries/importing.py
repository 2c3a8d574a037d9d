"""Turns a version that a registry told of into a classifier, and into an audit once that is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import BigInteger, func
from sqlalchemy.orm import Session

from schemas.audits import AuditCreate, Origin
from schemas.classifiers import IntakeState
from schemas.problems import ErrorCode, Problem
from schemas.registries import RegistryOptions, VersionState
from schemas.scalars import Sha256
from services.audits import service as audits
from services.audits.baselines import previous
from services.classifiers.service import CLASSIFIERS
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.identifiers import new_id
from services.db.tables import AuditRow, ClassifierRow, UploadRow
from services.errors import RegistryUnreachable
from services.projects.quotas import check_bytes
from services.storage.multipart import MultipartUploads
from services.uploads.content import Received

from .access import LONGEST_DOWNLOAD, Access
from .mlflow.models import LOG, model_file
from .service import options_of

LONGEST_NAME = 200


@dataclass(frozen=True)
class Fetched:
    """A model file that is stored now: ``upload`` is the id that its row will have."""

    upload: str
    filename: str
    digest: Sha256
    bytes: int
    run_id: str | None


def fetch(
    access: Access,
    registry: RegistryRow,
    version: RegistryVersionRow,
    uploads: MultipartUploads,
    most: int,
    go_on: Callable[[], None],
) -> Fetched:
    """Stream the ONNX file of a version into object storage; ``go_on`` is called with every piece and may raise.

    Raises:
        RegistryUnreachable: the registry does not answer, or breaks off.
        RegistryRefused: it has no such version, or does not give its file.
        ModelUnusable: the version is not one ONNX file that can be fetched.
        UploadTooLarge: it is longer than ``most`` bytes.
        Unavailable: the storage did not answer.
    """
    with access.server(registry) as server:
        file = model_file(server, version.model, version.version, most)
    upload = new_id("upl")
    with (
        access.server(registry, LONGEST_DOWNLOAD) as server,
        server.download(file.path) as pieces,
        Received(most) as received,
    ):
        for piece in pieces:
            go_on()
            received.write(piece)
        if file.bytes and received.length != file.bytes:
            told = f"{received.length} of {file.bytes} bytes of {file.name} came."
            raise RegistryUnreachable(told, "It is tried again.")
        digest = received.store(uploads, upload)
        return Fetched(upload, file.name, digest, received.length, file.run_id)


def register(session: Session, version: RegistryVersionRow, options: RegistryOptions, file: Fetched) -> None:
    """Make the classifier and queue its intake.

    Raises:
        QuotaExceeded: the project may not keep that many bytes.
    """
    check_bytes(session, file.bytes)
    session.add(_upload(version, file))
    row = ClassifierRow(
        id=new_id("clf"),
        name=version.model[:LONGEST_NAME],
        upload_id=file.upload,
        digest=file.digest,
        bytes=file.bytes,
        filename=file.filename,
        input=options.input.model_dump(mode="json"),
        classes=options.classes,
    )
    session.flush()
    CLASSIFIERS.add(session, row)
    version.classifier_id, version.run_id = row.id, file.run_id


def intake_of(session: Session, version: RegistryVersionRow) -> tuple[IntakeState, Problem | None]:
    """Where the intake of the version's classifier is, and why it was refused, with advice that is MLflow's."""
    row = session.get_one(ClassifierRow, version.classifier_id)
    problem = None if row.problem is None else Problem.model_validate(row.problem)
    if problem is not None and problem.code is ErrorCode.MODEL_EXTERNAL_DATA:
        problem = problem.model_copy(update={"advice": LOG})
    return IntakeState(row.state), problem


def begin_audit(session: Session, version: RegistryVersionRow, registry: RegistryRow) -> None:
    """Queue the audit of a version whose classifier is ready.

    Raises:
        InvalidRequest: something that the registry's options name is gone or does not fit.
        Conflict: intake still reads the dataset.
        QuotaExceeded: the project may not begin another audit.
    """
    options, classifier = options_of(registry), version.classifier_id or ""
    body = AuditCreate(
        classifier=classifier,
        dataset=options.dataset,
        name=f"{version.model} version {version.version}"[:LONGEST_NAME],
        config=options.config,
        policy=options.policy,
        baseline=_baseline(session, version, options),
    )
    origin = Origin(registry=registry.id, model=version.model, version=version.version)
    version.audit_id = audits.create(session, body, origin).id
    version.state, version.finished_at = VersionState.IMPORTED, func.now()


def fail(version: RegistryVersionRow, problem: Problem) -> None:
    """The version cannot be audited."""
    version.state, version.finished_at = VersionState.FAILED, func.now()
    version.problem = problem.model_dump(mode="json")


def _baseline(session: Session, version: RegistryVersionRow, options: RegistryOptions) -> str | None:
    """The audit that ``no_regression_against`` means."""
    if options.baseline != "previous":
        return options.baseline
    number = AuditRow.origin["version"].astext.cast(BigInteger)
    return previous(
        session,
        AuditRow.origin["registry"].astext == version.registry_id,
        AuditRow.origin["model"].astext == version.model,
        AuditRow.dataset_id == options.dataset,
        number < int(version.version),
        age=number,
    )


def _upload(version: RegistryVersionRow, file: Fetched) -> UploadRow:
    return UploadRow(
        id=file.upload,
        filename=file.filename,
        bytes=file.bytes,
        transfer="direct",
        state="complete",
        digest=file.digest,
        principal=version.registry_id,
        expires_at=func.now(),
    )
