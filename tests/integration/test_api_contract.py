"""The published OpenAPI document is what is served, what is committed, and what schemathesis can hold it to."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounded
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from schemas.api_keys import Scope
from services.api.app import openapi_document
from services.db.engine import transaction
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import api_in_thread
from tests.builders.rows import add_audit

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = bounded(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SCHEMES = {"/v1/registries/{registry}/events": "mlflowSignature"}
"""What opens a route where that is no key."""
HEAVY = ("torch", "ray", "workers", "onnx", "onnxruntime", "sklearn")


def test_the_committed_document_is_the_generated_one(repository_root: Path) -> None:
    """Regenerate with ``python -m services.api openapi > services/api/openapi.json``."""
    assert (repository_root / "services/api/openapi.json").read_text(encoding="utf-8") == openapi_document()


def test_every_operation_declares_its_problems() -> None:
    document = json.loads(openapi_document())
    for path, item in document["paths"].items():
        if not path.startswith("/v1"):
            continue
        for method, operation in item.items():
            assert operation["security"] == [{SCHEMES.get(path, "apiKey"): []}], (method, path)
            assert operation["description"], (method, path)
            failed = {status: answer for status, answer in operation["responses"].items() if status >= "4"}
            assert {"401", "403", "422", "500", "503"} <= set(failed)
            assert {kind for answer in failed.values() for kind in answer["content"]} == {"application/problem+json"}


def test_the_api_loads_none_of_the_science(repository_root: Path) -> None:
    code = (
        "import sys; import services.api.__main__; from services.api.app import openapi_document; openapi_document(); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=repository_root, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_generated_requests_get_only_declared_answers(
    settings: Settings, engine: Engine, store: S3BlobStore, mode: GenerationMode
) -> None:
    with api_in_thread(settings, engine, store) as api:
        with transaction(api.factory) as session:
            add_audit(session)
        headers = {"Authorization": f"Bearer {api.key(Scope.ADMIN)}"}
        for found in schemathesis.openapi.from_dict(json.loads(openapi_document())).get_all_operations():
            operation = found.ok()
            if operation is not None and not operation.path.endswith("/events"):  # a stream, and signed ones
                hold_to_its_word(operation, mode, api.url, headers)


def hold_to_its_word(operation: APIOperation, mode: GenerationMode, url: str, headers: dict[str, str]) -> None:
    """Some generated requests, right or wrong ones, to one operation."""

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=30)

    with contextlib.suppress(Unsatisfiable):  # an operation without input has no wrong one
        check()
