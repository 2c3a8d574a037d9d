"""The rank of the answers' log-odds is the size of the task block."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.tensors import ShapeError
from workers.vae import task_dimensions


def answers_of_rank(rank: int, classes: int, n: int = 400) -> torch.Tensor:
    """Probabilities whose log-odds are an exact linear function of ``rank`` numbers."""
    generator = torch.Generator().manual_seed(rank)
    hidden = torch.randn(n, rank, generator=generator, dtype=torch.float64)
    basis = torch.linalg.qr(torch.randn(classes, classes, generator=generator, dtype=torch.float64))[0]
    return (hidden @ basis[:, :rank].T).softmax(dim=1)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(8, 12))
def test_no_more_dimensions_than_the_rank_of_the_log_odds(rank: int, classes: int) -> None:
    assert 1 <= task_dimensions(answers_of_rank(rank, classes), 32) <= rank


def test_independent_equal_dimensions_are_all_needed() -> None:
    assert task_dimensions(answers_of_rank(5, 9), 32) == 5


def test_two_classes_need_one_dimension_and_so_does_a_constant() -> None:
    p = torch.rand(200, 1, generator=torch.Generator().manual_seed(0))
    assert task_dimensions(torch.cat([p, 1 - p], dim=1), 10) == 1
    assert task_dimensions(torch.tensor([[0.9, 0.05, 0.05]]).expand(60, 3), 10) == 1


def test_many_certain_classes_need_many_dimensions_up_to_the_bound() -> None:
    certain = torch.eye(10).repeat(20, 1)
    assert 5 <= task_dimensions(certain, 32) <= 9
    assert task_dimensions(certain, 4) == 4


def test_a_direction_that_never_decides_is_left_out() -> None:
    """The third class is never the answer: its odds vary, but no answer hangs on them."""
    generator = torch.Generator().manual_seed(0)
    deciding, idle = torch.randn(2, 500, generator=generator)
    odds = torch.stack([3 * deciding, -3 * deciding, -6 + 0.3 * idle], dim=1)
    assert task_dimensions(odds.softmax(dim=1), 5) == 1


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(ShapeError):
        task_dimensions(torch.rand(5), 3)
    with pytest.raises(ValueError, match="largest"):
        task_dimensions(torch.rand(5, 2), 0)
