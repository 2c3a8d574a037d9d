"""The error tree: everything derives from one base, is drawn where one looks, and becomes a valid problem."""

from __future__ import annotations

import inspect

import pytest

from schemas.problems import ErrorCode, Problem
from services import errors
from services.errors import NotFound, ServiceError, failure

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ServiceError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_each_error_is_a_problem_and_is_drawn(kind: type[ServiceError]) -> None:
    problem = kind("what was found", "what to change").problem("/v1/x")
    assert Problem.model_validate(problem.model_dump()) == problem
    assert (problem.status, problem.code) == (kind.status, kind.code)
    lines = (errors.__doc__ or "").splitlines()
    drawn = [line for line in lines if f"{kind.__name__} " in f"{line} "]
    assert drawn
    assert kind is ServiceError or str(kind.status) in drawn[0]


def test_codes_are_not_shared_by_distinct_user_errors() -> None:
    shared = {ErrorCode.INTERNAL, ErrorCode.INVALID_REQUEST}
    codes = [kind.code for kind in TREE if kind.code not in shared]
    assert len(codes) == len(set(codes))


def test_a_text_is_for_people() -> None:
    assert str(NotFound("no audit has this id")) == "no audit has this id"


def test_a_failure_without_a_request_is_a_problem() -> None:
    problem = failure(ErrorCode.TRAINING_DIVERGED, "the loss is not finite")
    assert problem.type == "urn:scotoma:problem:training-diverged"
    assert problem.title == "Training diverged"
