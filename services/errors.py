"""Errors of the service. Each states its code and its HTTP status once.

ServiceError
├── Unauthenticated        401  no key, or one that is unknown, expired or revoked
├── Forbidden              403  the key's scope is too small
├── NotFound               404
│   ├── ReportNotReady     404  the audit has not succeeded yet
│   └── ArtifactMissing    404  a stored object is gone from the bucket
├── Gone                   410  removed when the project's retention was over
├── InvalidRequest         422
│   ├── InvalidCursor      422
│   ├── UploadIncomplete   422  parts or bytes are missing
│   ├── UploadMismatch     422  the bytes are not what was declared
│   ├── AddressRefused     422  an address that the service may not send to
│   ├── IntakeRejected     422  rests on a file that intake refused
│   ├── SubjectsMismatch   422  the classifier cannot take what the dataset holds
│   ├── ModelUnusable      422  a registry holds no single ONNX file under a version
│   ├── InvalidSchedule    422  its times make no sense
│   └── NotComparable      422  two audits that no comparison can be made of
├── UploadTooLarge         413
├── IdempotencyKeyMissing  400
├── IdempotencyKeyReused   422  same key, another payload
├── Conflict               409
│   ├── IdempotencyInFlight 409 the first request with this key still runs
│   ├── UploadClosed       409
│   ├── UploadBusy         409  its bytes are coming already
│   ├── SecretsUnconfigured 409 this installation has no key to seal secrets with
│   └── AlreadyFinished    409
├── PreconditionFailed     412  somebody else changed it meanwhile
├── PreconditionRequired   428  a change must say which version it changes
├── QuotaExceeded          429  a limit of the project is reached
├── RegistryUnreachable    502  a model registry does not answer
├── RegistryRefused        502  a model registry does not do what it was asked
├── Unavailable            503  database, storage or cluster cannot be reached
├── Corrupt                500  stored bytes differ from their digest
└── Fenced                 409  a write of an attempt that is no longer the current one
"""

from __future__ import annotations

from typing import Any, ClassVar

from schemas.problems import ErrorCode, Problem


class ServiceError(Exception):
    """Base: ``code`` and ``status`` per class; ``detail`` says what was found, ``advice`` what to change."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The service failed"

    def __init__(self, detail: str, advice: str = "", errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.advice = advice
        self.errors = errors or []

    def problem(self, instance: str | None = None) -> Problem:
        """This error as an RFC 9457 body."""
        return Problem(
            type=problem_type(self.code),
            title=self.title,
            status=self.status,
            code=self.code,
            detail=self.detail,
            advice=self.advice,
            instance=instance,
            errors=self.errors,
        )


def problem_type(code: ErrorCode) -> str:
    """The stable URI of a kind of problem."""
    return f"urn:scotoma:problem:{code}"


def failure(code: ErrorCode, detail: str, advice: str = "", status: int = 422) -> Problem:
    """The problem stored with a subject that failed while it ran (there is no request to answer)."""
    title = str(code).replace("-", " ").capitalize()
    return Problem(type=problem_type(code), title=title, status=status, code=code, detail=detail, advice=advice)


class Unauthenticated(ServiceError):
    """No usable API key."""

    code, status, title = ErrorCode.UNAUTHENTICATED, 401, "An API key is needed"


class Forbidden(ServiceError):
    """The key's scope does not allow this."""

    code, status, title = ErrorCode.FORBIDDEN, 403, "This key may not do that"


class NotFound(ServiceError):
    """Nothing has this id."""

    code, status, title = ErrorCode.NOT_FOUND, 404, "Not found"


class ReportNotReady(NotFound):
    """The audit has not succeeded yet."""

    code, title = ErrorCode.REPORT_NOT_READY, "The report is not ready"


class ArtifactMissing(NotFound):
    """A stored object is gone from the bucket."""

    code, title = ErrorCode.ARTIFACT_MISSING, "A stored artifact is missing"


class Gone(ServiceError):
    """It was there, and was removed when its time was over."""

    code, status, title = ErrorCode.GONE, 410, "It was removed"


class InvalidRequest(ServiceError):
    """The request is understood and wrong."""

    code, status, title = ErrorCode.INVALID_REQUEST, 422, "The request is not valid"


class InvalidCursor(InvalidRequest):
    """The cursor did not come from this service."""

    code, title = ErrorCode.INVALID_CURSOR, "The cursor is not valid"


class UploadIncomplete(InvalidRequest):
    """Parts or bytes are missing."""

    code, title = ErrorCode.UPLOAD_INCOMPLETE, "The upload is not complete"


class UploadMismatch(InvalidRequest):
    """The bytes are not what was declared."""

    code, title = ErrorCode.UPLOAD_MISMATCH, "The upload differs from what was declared"


class AddressRefused(InvalidRequest):
    """The service may not send to this address."""

    code, title = ErrorCode.ADDRESS_REFUSED, "The address is not allowed"


class IntakeRejected(InvalidRequest):
    """The request rests on a file that intake refused."""

    code, title = ErrorCode.INTAKE_REJECTED, "The file was refused at intake"


class SubjectsMismatch(InvalidRequest):
    """The classifier cannot take what the dataset holds."""

    code, title = ErrorCode.CLASSIFIER_DATASET_MISMATCH, "The classifier and the dataset do not fit"


class NotComparable(InvalidRequest):
    """Two audits that no comparison can be made of."""

    code, title = ErrorCode.AUDITS_NOT_COMPARABLE, "The audits cannot be compared"


class UploadTooLarge(ServiceError):
    """More bytes than this service takes."""

    code, status, title = ErrorCode.UPLOAD_TOO_LARGE, 413, "The upload is too large"


class IdempotencyKeyMissing(ServiceError):
    """The route needs an Idempotency-Key."""

    code, status, title = ErrorCode.IDEMPOTENCY_KEY_MISSING, 400, "An Idempotency-Key is needed"


class IdempotencyKeyReused(ServiceError):
    """The key was used with another payload."""

    code, status, title = ErrorCode.IDEMPOTENCY_KEY_REUSED, 422, "The Idempotency-Key was used for another request"


class Conflict(ServiceError):
    """The state of the resource forbids this."""

    code, status, title = ErrorCode.INVALID_REQUEST, 409, "The resource is in another state"


class IdempotencyInFlight(Conflict):
    """The first request with this key still runs."""

    code, title = ErrorCode.IDEMPOTENCY_IN_FLIGHT, "The first request with this key still runs"


class UploadClosed(Conflict):
    """The upload is complete, aborted or expired."""

    code, title = ErrorCode.UPLOAD_CLOSED, "The upload is closed"


class UploadBusy(Conflict):
    """Another request sends the bytes of this upload."""

    code, title = ErrorCode.UPLOAD_BUSY, "The upload is busy"


class SecretsUnconfigured(Conflict):
    """This installation has no key to seal secrets with."""

    code, title = ErrorCode.SECRETS_UNCONFIGURED, "Secrets cannot be stored"


class AlreadyFinished(Conflict):
    """The audit has finished."""

    code, title = ErrorCode.ALREADY_FINISHED, "The audit has finished"


class QuotaExceeded(ServiceError):
    """The project has used what it may; ``retry_after`` is when another try may be worth it (seconds)."""

    code, status, title = ErrorCode.QUOTA_EXCEEDED, 429, "A limit of the project is reached"

    def __init__(self, detail: str, advice: str = "", retry_after: int = 30) -> None:
        super().__init__(detail, advice)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """Database, storage or cluster cannot be reached."""

    code, status, title = ErrorCode.SERVICE_UNAVAILABLE, 503, "The service is not available"


class Corrupt(ServiceError):
    """Stored bytes differ from their digest, each time they were read."""

    code, status, title = ErrorCode.INTERNAL, 500, "A stored artifact is damaged"


class Fenced(ServiceError):
    """An attempt that is no longer the current one tried to write. Its work is dropped, silently for users."""

    code, status, title = ErrorCode.INTERNAL, 409, "This attempt was replaced"


class PreconditionRequired(ServiceError):
    """A change must say which version it changes."""

    code, status, title = ErrorCode.PRECONDITION_REQUIRED, 428, "If-Match is needed"


class PreconditionFailed(ServiceError):
    """Somebody else changed it meanwhile."""

    code, status, title = ErrorCode.PRECONDITION_FAILED, 412, "It was changed meanwhile"


class InvalidSchedule(InvalidRequest):
    """A schedule whose times make no sense."""

    title = "The schedule is not valid"


class RegistryUnreachable(ServiceError):
    """A model registry does not answer, or answers with errors of its own. Trying again can help."""

    code, status, title = ErrorCode.REGISTRY_UNREACHABLE, 502, "The model registry cannot be reached"


class RegistryRefused(ServiceError):
    """A model registry does not do what it was asked."""

    code, status, title = ErrorCode.REGISTRY_REFUSED, 502, "The model registry refused"


class ModelUnusable(InvalidRequest):
    """What a registry holds under a model version is not one ONNX file that can be fetched."""

    code, title = ErrorCode.REGISTRY_MODEL_UNUSABLE, "The model version cannot be audited"
