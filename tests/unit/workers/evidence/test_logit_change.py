"""Changes of logits in units of their own spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.evidence.logits import centred, logit_change, logit_spread


@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50), seed=st.integers(0, 50))
def test_neither_unit_nor_offset_of_the_logits_matters(scale: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    references, after = rng.normal(size=(40, 5)), rng.normal(size=(40, 3, 5))
    valid = rng.random((40, 3)) < 0.7
    plain = logit_change(references, after, valid, logit_spread(references))
    moved, edited = scale * references + shift, scale * after + shift
    assert logit_change(moved, edited, valid, logit_spread(moved)) == pytest.approx(plain, nan_ok=True)


def test_a_swap_of_two_classes_counts_by_hand() -> None:
    before, after = np.array([[1.0, -1.0]]), np.array([[[-1.0, 1.0], [1.0, -1.0]]])
    every, first = np.array([[True, True]]), np.array([[True, False]])
    assert logit_change(before, after, every, 2.0) == pytest.approx([0.5])
    assert logit_change(before, after, first, 2.0) == pytest.approx([1.0])


def test_an_image_without_a_valid_edit_has_no_change() -> None:
    zeros = np.zeros((1, 3))
    assert np.isnan(logit_change(zeros, zeros[:, None], np.array([[False]]), 1.0)).all()


def test_a_single_score_is_two_classes() -> None:
    assert centred(np.array([[3.0]])) == pytest.approx(np.array([[-1.5, 1.5]]))


def test_a_constant_classifier_moves_by_nothing() -> None:
    constant = np.ones((10, 4))
    assert logit_spread(constant) == 1.0
    assert logit_change(constant, constant[:, None], np.ones((10, 1), bool), logit_spread(constant)).max() == 0
