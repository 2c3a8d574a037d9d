"""Results on graphs, retold: the stages write of images, and the reader of a report on graphs should read of graphs.

``result.json`` keeps the texts as the stages wrote them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel

from schemas.comparisons import ComparisonPictures, ComparisonResult, FeatureChange
from schemas.results import (
    AuditResult,
    Chart,
    Concept,
    Control,
    EditSheet,
    Effect,
    Estimate,
    Finding,
    Gallery,
    Gate,
    InvariantView,
    Line,
    Measure,
    Picture,
    PictureRow,
    Sheets,
    Simultaneity,
    Symmetry,
)

from .inputs import IMAGES, input_words

Say = Callable[[str], str]
Told = TypeVar("Told")

WRITTEN: dict[type[BaseModel], frozenset[str]] = {
    AuditResult: frozenset({"limits"}),
    ComparisonResult: frozenset({"limits"}),
    FeatureChange: frozenset({"reasons"}),
    Chart: frozenset({"title", "y", "x"}),
    Concept: frozenset({"caution"}),
    Control: frozenset({"expected", "detail"}),
    EditSheet: frozenset({"method"}),
    Effect: frozenset({"method"}),
    Estimate: frozenset({"method"}),
    Finding: frozenset({"reasons"}),
    Gallery: frozenset({"title", "explanation", "columns", "notes"}),
    Gate: frozenset({"detail"}),
    InvariantView: frozenset({"why"}),
    Line: frozenset({"name"}),
    Measure: frozenset({"label"}),
    Picture: frozenset({"caption"}),
    PictureRow: frozenset({"heading"}),
    Simultaneity: frozenset({"method"}),
    Symmetry: frozenset({"notes"}),
}
"""The fields that hold sentences of the stages; all others hold names, keys and numbers."""


def retold(result: AuditResult, sheets: Sheets | None) -> tuple[AuditResult, Sheets | None]:
    """Both in the words of the references. Names of the user's (taps, features, classes) stay as they are."""
    words = input_words(result.dataset)
    if words is IMAGES:
        return result, sheets
    names = _names(result, sheets)

    def say(text: str) -> str:
        return words.say(text, names)

    return _again(result, say), _again(sheets, say)


def retold_comparison(
    result: ComparisonResult, pictures: ComparisonPictures | None
) -> tuple[ComparisonResult, ComparisonPictures | None]:
    """The same of a comparison."""
    words = input_words(result.dataset)
    if words is IMAGES:
        return result, pictures
    sides = (result.before, result.after)
    names = frozenset((
        result.dataset.name, *result.dataset.attributes, *(side.classifier.name for side in sides),
        *(one for side in sides for one in side.classifier.classes),
        *(change.feature for change in result.changes), *(change.tap for change in result.changes),
    ))  # fmt: skip

    def say(text: str) -> str:
        return words.say(text, names)

    return _again(result, say), _again(pictures, say)


def _names(result: AuditResult, sheets: Sheets | None) -> frozenset[str]:
    return frozenset((
        result.classifier.name, result.dataset.name, *result.dataset.attributes, *result.classifier.classes,
        *(sheets.classes if sheets else ()), *(tap.name for tap in result.taps),
        *(feature.name for feature in result.features), *(concept.name for concept in result.concepts),
    ))  # fmt: skip


def _again(value: Told, say: Say) -> Told:
    """``value`` with its sentences in other words, models and lists within it too."""
    found: Any = value
    if isinstance(value, BaseModel):
        ours = WRITTEN.get(type(value), frozenset())
        found = value.model_copy(update={
            field: _said(held, say) if field in ours else _again(held, say) for field, held in value
        })  # fmt: skip
    elif isinstance(value, list):
        found = [_again(one, say) for one in value]
    elif isinstance(value, dict):
        found = {key: _again(one, say) for key, one in value.items()}
    return found  # type: ignore[no-any-return]


def _said(text: Any, say: Say) -> Any:
    if isinstance(text, list):
        return [say(one) for one in text]
    return say(text) if isinstance(text, str) else text
