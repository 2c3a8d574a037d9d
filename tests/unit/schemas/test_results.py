"""``result.json`` and its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from schemas.results import AuditResult, Verdict, result_schema
from tests.builders.results import result

PUBLISHED = Path(__file__).parents[3] / "schemas" / "result.schema.json"


def test_published_schema_is_the_one_of_this_code() -> None:
    """Other tools read the file; a change of the models must not pass it by."""
    assert json.loads(PUBLISHED.read_text()) == result_schema()


def test_result_is_valid_and_comes_back_unchanged() -> None:
    built = result()
    text = built.model_dump_json()
    jsonschema.validate(json.loads(text), result_schema())
    assert AuditResult.model_validate_json(text) == built


@pytest.mark.parametrize("broken", [{"schema_version": "2"}, {"surprise": 1}, {"findings": [{"feature": "hue"}]}])
def test_schema_refuses_what_breaks_the_contract(broken: dict[str, object]) -> None:
    document = {**json.loads(result().model_dump_json()), **broken}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, result_schema())


def test_finding_by_name() -> None:
    built = result()
    first = built.findings[0]
    assert built.finding(first.feature, first.tap).verdict in Verdict
    with pytest.raises(KeyError):
        built.finding("no such feature")
