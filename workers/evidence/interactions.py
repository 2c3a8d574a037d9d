"""Whether a feature is used together with something else although it cannot be read alone (think of XOR).

Samples that share ``z`` may move two features at once so that the answer stays. Movement alone would then call each of
them ignored. What gives the pair away is that their *product* can be read from ``z``.
"""

from __future__ import annotations

import numpy as np

from .estimators import explained
from .independence import leading_components
from .pixels import Floats
from .probes import cross_fit

PARTNERS = 16


def interaction(
    z: Floats, encoded: Floats, codes: Floats, generator: np.random.Generator, others: Floats | None = None
) -> float:
    """Largest share of variance that ``z`` explains of any product of the feature with a partner, about 0..1.

    Partners: the leading components of the autoencoder's ``codes (n, d)``, which know nothing of the classifier, and
    the encodings of ``others (n, q)``. ``encoded (n, k)`` is the feature. It sees pairs only, not triples, and only
    partners that the codes hold; a feature tied to its partner in the references also scores, which errs on the safe
    side.

    Raises:
        ValueError: shapes do not fit or values are not finite.
    """
    blocks = [leading_components(codes, PARTNERS)] + ([] if others is None else [others])
    partners = _standardise(np.concatenate(blocks, axis=1))
    products = (_standardise(encoded)[:, :, None] * partners[:, None, :]).reshape(len(encoded), -1)
    varied = products[:, products.std(axis=0) > 1e-9]
    if not varied.shape[1]:
        return 0.0
    predictions = cross_fit(z, varied, generator)
    return max(explained(varied[:, [j]], predictions[:, [j]]).retained for j in range(varied.shape[1]))


def _standardise(values: Floats) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    deviation = numbers.std(axis=0)
    return np.asarray((numbers - numbers.mean(axis=0)) / np.where(deviation > 0, deviation, 1))
