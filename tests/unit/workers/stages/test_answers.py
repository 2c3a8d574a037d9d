"""What answers come to: independent labels are decisions of their own, and the largest logit leads however sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from workers.evidence.effects import changes
from workers.stages.classifying import decided, decisions_of, probabilities_of

LOGITS = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements=st.floats(-120, 120, width=32))


class Sigmoids:
    """A head of several sigmoids."""

    independent = True

    def run(self, images: np.ndarray) -> object:
        raise NotImplementedError

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(expit(logits), dtype=np.float32)


class Softmax(Sigmoids):
    """Classes that exclude each other."""

    independent = False

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


@given(LOGITS)
def test_sigmoids_are_probabilities_whose_arg_max_is_that_of_the_logits(logits: np.ndarray) -> None:
    shares, labels = probabilities_of(Sigmoids(), logits), decisions_of(Sigmoids(), logits)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert labels.min() >= 0
    assert labels.max() <= 1
    np.testing.assert_allclose(labels, expit(logits), atol=1e-6)
    for found in (shares, labels):
        assert found.dtype == np.float32
        assert (found.argmax(axis=1) == logits.argmax(axis=1)).all()


@pytest.mark.parametrize("level", [-2000.0, -60.0, -20.0, 20.0, 60.0])
def test_another_leader_is_a_flip_where_every_sigmoid_is_saturated(level: float) -> None:
    before = np.full((1, 3), level, np.float32)
    after = before.copy()
    before[0, 1], after[0, 2] = level + 5, level + 5
    said, now = (decisions_of(Sigmoids(), each) for each in (before, after))
    assert changes(said, now[:, None], independent=True).flips == 1
    assert changes(said, said[:, None], independent=True).flips == 0


def test_one_label_of_forty_that_turns_over_is_seen() -> None:
    """Among shares of their sum its change is one part in forty: too little for any threshold."""
    before = np.random.default_rng(0).normal(0, 2, (50, 40)).astype(np.float32)
    before[:, 0], before[:, 5] = 8, -3
    after = before.copy()
    after[:, 5] = 3
    assert (probabilities_of(Sigmoids(), before).argmax(1) == probabilities_of(Sigmoids(), after).argmax(1)).all()
    found = changes(decisions_of(Sigmoids(), before), decisions_of(Sigmoids(), after)[:, None], independent=True)
    assert (found.flips == 1).all()
    assert (found.variation > 0.9).all()
    assert (decided(Sigmoids(), before) != decided(Sigmoids(), after)).any(axis=1).all()


def test_exclusive_classes_are_compared_by_their_probabilities() -> None:
    logits = np.array([[1.0, 2.0, -1.0], [4.0, 0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(decisions_of(Softmax(), logits), probabilities_of(Softmax(), logits))
    np.testing.assert_array_equal(decided(Softmax(), logits), [[1], [0]])
    one = decided(Sigmoids(), logits)
    np.testing.assert_array_equal(one, [[1, 1, 1, 0], [0, 1, 0, 0]])
