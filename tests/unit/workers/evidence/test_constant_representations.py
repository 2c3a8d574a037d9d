"""A classifier that answers everything alike is a valid customer: every estimate stays finite or says NaN silently."""

import numpy as np

from workers.evidence.bootstrap import ratio_interval, resampling_weights
from workers.evidence.estimators import Shares
from workers.evidence.gates import v_independent_of_z
from workers.evidence.independence import independence


def test_a_constant_representation_is_independent_of_everything(rng: np.random.Generator) -> None:
    found = independence(rng.normal(size=(200, 4)), np.full((200, 3), 2.5), rng)
    gate = v_independent_of_z("logits", found.explained, found.null)
    assert gate.passed
    assert gate.value == 0.0
    assert gate.threshold is not None
    assert np.isfinite(gate.threshold)


def test_a_ratio_that_one_image_decides_has_an_interval_and_no_warning(rng: np.random.Generator) -> None:
    one = np.zeros(50)
    one[7] = 1.0
    found = ratio_interval(Shares(0.5 * one, one), resampling_weights(50, 400, rng))
    assert found.low <= 0.5 <= found.high
