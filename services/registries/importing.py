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
from services.errors import QuotaExceeded, RegistryUnreachable, UploadTooLarge
from services.projects.quotas import LATER, bytes_left, check_bytes
from services.projects.trail import note
from services.storage.multipart import MultipartUploads
from services.uploads.content import Received

from .access import LEAST_RATE, LONGEST_DOWNLOAD, Access
from .mlflow.models import LOG, ModelFile, model_file
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


@dataclass(frozen=True)
class Room:
    """How many bytes may come; ``of_quota``: whether there would be more with a larger quota."""

    bytes: int
    of_quota: bool


def find(access: Access, registry: RegistryRow, version: RegistryVersionRow, most: int) -> ModelFile:
    """The ONNX file of a version, of which nothing is read yet.

    Raises:
        RegistryUnreachable: the registry does not answer.
        RegistryRefused: it has no such version.
        ModelUnusable: the version is not one ONNX file that can be fetched.
        UploadTooLarge: it is longer than ``most`` bytes.
    """
    with access.server(registry) as server:
        return model_file(server, version.model, version.version, most)


def room_for(session: Session, file: ModelFile, most: int) -> Room:
    """How many bytes of ``file`` may come: what the registry says, where it does; else ``most``, or what is left.

    Raises:
        QuotaExceeded: the project may not keep that many bytes, or none at all.
    """
    check_bytes(session, file.bytes or 1)
    if file.bytes:
        return Room(file.bytes, of_quota=False)
    left = bytes_left(session)
    return Room(most, of_quota=False) if left is None or left >= most else Room(left, of_quota=True)


def fetch(
    access: Access, registry: RegistryRow, file: ModelFile, uploads: MultipartUploads, room: Room,
    go_on: Callable[[], None],
) -> Fetched:  # fmt: skip
    """Stream a file into object storage; ``go_on`` is called with every piece and may raise.

    Nothing is stored of what is refused.

    Raises:
        RegistryUnreachable: the registry does not answer, breaks off or is too slow.
        RegistryRefused: it does not give its file.
        UploadTooLarge: it is longer than there is ``room``.
        QuotaExceeded: likewise, where the room was what the quota left.
        Unavailable: the storage did not answer.
    """
    upload = new_id("upl")
    with (
        access.server(registry, LONGEST_DOWNLOAD, LEAST_RATE) as server,
        server.download(file.path) as pieces,
        Received(room.bytes) as received,
    ):
        for piece in pieces:
            go_on()
            _take(received, piece, room)
        if file.bytes and received.length != file.bytes:
            told = f"{received.length} of {file.bytes} bytes of {file.name} came."
            raise RegistryUnreachable(told, "It is tried again.")
        digest = received.store(uploads, upload)
        return Fetched(upload, file.name, digest, received.length, file.run_id)


def _take(received: Received, piece: bytes, room: Room) -> None:
    try:
        received.write(piece)
    except UploadTooLarge as error:
        if room.of_quota:
            detail = f"The file is longer than the {room.bytes} bytes that are left to this project."
            advice = "Abort uploads that are not needed, or ask an operator for more."
            raise QuotaExceeded(detail, advice, LATER) from error
        advice = "See that the registry tells its true size, or register a smaller model."
        raise UploadTooLarge(f"The file is longer than {room.bytes} bytes.", advice) from error


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
    note(session, version.project_id, version.registry_id, "classifiers.create", row.id)
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
    note(session, version.project_id, registry.id, "audits.create", version.audit_id)
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
