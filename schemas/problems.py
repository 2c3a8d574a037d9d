"""Problems (RFC 9457): one catalogue of stable codes; each says what was found and what to change."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from .scalars import Contract


class ErrorCode(StrEnum):
    """Stable codes. A code, once released, never changes its meaning."""

    # requests
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    INVALID_REQUEST = "invalid-request"
    INVALID_CURSOR = "invalid-cursor"
    IDEMPOTENCY_KEY_MISSING = "idempotency-key-missing"
    IDEMPOTENCY_KEY_REUSED = "idempotency-key-reused"
    IDEMPOTENCY_IN_FLIGHT = "idempotency-in-flight"
    UPLOAD_INCOMPLETE = "upload-incomplete"
    UPLOAD_TOO_LARGE = "upload-too-large"
    UPLOAD_MISMATCH = "upload-mismatch"
    UPLOAD_CLOSED = "upload-closed"
    UPLOAD_BUSY = "upload-busy"
    INTAKE_REJECTED = "intake-rejected"
    ALREADY_FINISHED = "already-finished"
    REPORT_NOT_READY = "report-not-ready"
    ARTIFACT_MISSING = "artifact-missing"
    GONE = "gone"
    PRECONDITION_REQUIRED = "precondition-required"
    PRECONDITION_FAILED = "precondition-failed"
    QUOTA_EXCEEDED = "quota-exceeded"
    AUDITS_NOT_COMPARABLE = "audits-not-comparable"
    ADDRESS_REFUSED = "address-refused"
    SECRETS_UNCONFIGURED = "secrets-unconfigured"
    SERVICE_UNAVAILABLE = "service-unavailable"
    INTERNAL = "internal"
    # classifiers at intake
    MODEL_TOO_LARGE = "model-too-large"
    MODEL_UNREADABLE = "model-unreadable"
    MODEL_EXTERNAL_DATA = "model-external-data"
    MODEL_CUSTOM_DOMAIN = "model-custom-domain"
    MODEL_UNKNOWN_OPERATOR = "model-unknown-operator"
    MODEL_UNSUPPORTED_OPSET = "model-unsupported-opset"
    MODEL_TOO_DEEP = "model-too-deep"
    MODEL_TENSOR_TOO_LARGE = "model-tensor-too-large"
    MODEL_INPUT_UNSUPPORTED = "model-input-unsupported"
    MODEL_OUTPUT_UNSUPPORTED = "model-output-unsupported"
    MODEL_NOT_RUNNABLE = "model-not-runnable"
    MODEL_NOT_DETERMINISTIC = "model-not-deterministic"
    MODEL_BATCH_DEPENDENT = "model-batch-dependent"
    MODEL_TAP_UNKNOWN = "model-tap-unknown"
    # datasets at intake
    DATASET_TOO_LARGE = "dataset-too-large"
    DATASET_UNREADABLE = "dataset-unreadable"
    DATASET_OBJECT_ARRAY = "dataset-object-array"
    DATASET_ARCHIVE_UNSAFE = "dataset-archive-unsafe"
    DATASET_IMAGE_UNREADABLE = "dataset-image-unreadable"
    DATASET_ATTRIBUTES_INVALID = "dataset-attributes-invalid"
    DATASET_CONCEPTS_INVALID = "dataset-concepts-invalid"
    DATASET_TOO_SMALL = "dataset-too-small"
    # running
    INTAKE_LIMIT_EXCEEDED = "intake-limit-exceeded"
    INTAKE_CRASHED = "intake-crashed"
    CLASSIFIER_DATASET_MISMATCH = "classifier-dataset-mismatch"
    CLASSIFIER_NOT_FINITE = "classifier-not-finite"
    TRAINING_DIVERGED = "training-diverged"
    RESOURCE_EXHAUSTED = "resource-exhausted"
    STAGE_FAILED = "stage-failed"
    ATTEMPTS_EXHAUSTED = "attempts-exhausted"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    # model registries
    REGISTRY_UNREACHABLE = "registry-unreachable"
    REGISTRY_REFUSED = "registry-refused"
    REGISTRY_MODEL_UNUSABLE = "registry-model-unusable"


class Problem(Contract):
    """An ``application/problem+json`` body. ``detail`` says what was found, ``advice`` what to change."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    code: ErrorCode
    detail: str
    advice: str = ""
    instance: str | None = None
    errors: list[dict[str, Any]] = []
