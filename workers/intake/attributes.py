"""Attribute columns: their kinds, inferred or declared, and their values as float64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.datasets import AttributeFacts, AttributeSpec
from schemas.problems import ErrorCode
from schemas.results import FeatureKind
from workers.errors import IntakeError

from .limits import DatasetCaps
from .refusals import refuse, show

FEW = 20
"""Integers with at most this many different values are taken as categories unless declared otherwise."""
LONGEST_NAME = 200
NAME_ADVICE = f"Use printable names of 1 to {LONGEST_NAME} characters without spaces around them."


@dataclass(frozen=True)
class Attributes:
    """Columns in order: facts, float64 values (codes for categories), and notes on what was left out."""

    facts: list[AttributeFacts]
    values: list[NDArray[np.float64]]
    notes: list[str]


def read_attributes(
    columns: Mapping[str, NDArray[Any]], declared: Mapping[str, AttributeSpec], caps: DatasetCaps
) -> Attributes:
    """Kinds and values of ``columns`` (one-dimensional: booleans, integers, floats or text).

    Floats are numeric, booleans and text categorical, integers categorical when few differ. Constant columns, and
    undeclared ones with too many categories, are left out with a note.

    Raises:
        IntakeError: ``DATASET_ATTRIBUTES_INVALID``: missing or infinite values, a declared column that is not there or
            cannot be what it is declared as, an unusable name.
    """
    _check_names(columns, declared, caps)
    result = Attributes([], [], [])
    for name, column in columns.items():
        _check_values(name, column)
        if len(np.unique(column)) < 2:
            result.notes.append(f"column {show(name)} was left out: it has one value for all images")
            continue
        _add(result, name, column, declared.get(name), caps)
    return result


def is_usable_name(name: str) -> bool:
    """Whether a feature may be called so."""
    return name == name.strip() and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def encode_categories(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Codes 0.. in sorted order of the values, and the values as text."""
    values, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64).reshape(-1), [_text(value) for value in values]


def _add(result: Attributes, name: str, column: NDArray[Any], spec: AttributeSpec | None, caps: DatasetCaps) -> None:
    kind = spec.kind if spec is not None else _infer(column)
    if kind is FeatureKind.CATEGORICAL:
        codes, categories = encode_categories(column)
        if len(categories) > caps.categories or max(map(len, categories)) > LONGEST_NAME:
            problem = f"column {show(name)} has {len(categories)} categories or very long ones"
            if spec is not None:
                raise _invalid(problem, f"At most {caps.categories} categories are accepted.")
            result.notes.append(f"{problem} and was left out")
            return
        result.facts.append(AttributeFacts(name=name, kind=kind, categories=categories))
        result.values.append(codes.astype(np.float64))
        return
    values, period = _measured(name, column, kind, spec)
    result.facts.append(AttributeFacts(name=name, kind=kind, period=period))
    result.values.append(values)


def _infer(column: NDArray[Any]) -> FeatureKind:
    if column.dtype.kind == "f" or (column.dtype.kind in "iu" and len(np.unique(column)) > FEW):
        return FeatureKind.NUMERIC
    return FeatureKind.CATEGORICAL


def _measured(
    name: str, column: NDArray[Any], kind: FeatureKind, spec: AttributeSpec | None
) -> tuple[NDArray[np.float64], float | None]:
    """Values of a numeric or circular column; circular ones modulo their period."""
    if column.dtype.kind not in "iufb":
        raise _invalid(f"column {show(name)} is declared {kind.value} and holds text", "Declare it categorical.")
    values = column.astype(np.float64)
    if kind is FeatureKind.NUMERIC:
        return values, None
    if spec is None or spec.period is None:
        raise _invalid(f"the circular column {show(name)} has no period", "Declare one (hue: circular, period 1.0).")
    return np.mod(values, spec.period), spec.period


def _check_names(columns: Mapping[str, NDArray[Any]], declared: Mapping[str, AttributeSpec], caps: DatasetCaps) -> None:
    if len(columns) > caps.columns:
        raise _invalid(f"there are {len(columns)} columns", f"At most {caps.columns} are accepted.")
    for name in columns:
        if not is_usable_name(name):
            raise _invalid(f"a column is called {show(name)}", NAME_ADVICE)
    missing = [name for name in declared if name not in columns]
    if missing:
        there = ", ".join(show(name) for name in list(columns)[:16]) or "none"
        raise _invalid(f"column {show(missing[0])} is declared and not there", f"The columns are: {there}.")


def _check_values(name: str, column: NDArray[Any]) -> None:
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        bad = int(np.sum(~np.isfinite(column)))
        raise _invalid(f"column {show(name)} has {bad} missing or infinite values", "Fill them in or drop the column.")


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _invalid(detail: str, advice: str) -> IntakeError:
    return refuse(ErrorCode.DATASET_ATTRIBUTES_INVALID, detail, advice)
