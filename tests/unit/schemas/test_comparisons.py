"""``comparison.json`` and its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from schemas.comparisons import ComparisonResult, comparison_schema
from tests.builders.comparisons import comparison_result

PUBLISHED = Path(__file__).parents[3] / "schemas" / "comparison.schema.json"


def test_published_comparison_schema_is_the_one_of_this_code() -> None:
    """Other tools read the file; a change of the models must not pass it by."""
    assert json.loads(PUBLISHED.read_text()) == comparison_schema()


def test_a_comparison_is_valid_and_comes_back_unchanged() -> None:
    built = comparison_result()
    text = built.model_dump_json()
    jsonschema.validate(json.loads(text), comparison_schema())
    assert ComparisonResult.model_validate_json(text) == built


@pytest.mark.parametrize("broken", [{"schema_version": "2"}, {"surprise": 1}, {"changes": [{"feature": "hue"}]}])
def test_what_breaks_the_contract_of_comparisons_is_refused(broken: dict[str, object]) -> None:
    document = {**json.loads(comparison_result().model_dump_json()), **broken}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, comparison_schema())
