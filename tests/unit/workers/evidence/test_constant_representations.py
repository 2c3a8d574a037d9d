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


def test_an_interval_over_a_single_known_image_warns_of_nothing(rng: np.random.Generator) -> None:
    """One image in fifty has a confirmed edit: its columns of the shared weights are what is left."""
    weights = resampling_weights(50, 400, rng)[:, :1]
    found = ratio_interval(Shares(np.array([0.1234567]), np.ones(1)), weights)
    assert found.low <= found.value <= found.high
