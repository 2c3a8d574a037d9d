"""Does the nuisance differ between answers? What a class's style leaves in ``z_n`` is in the data (papers.md 1(e))."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from workers.tensors import require_shape


class ClassResiduals(NamedTuple):
    """Each image's part in two unbiased variances, ``(m, d)`` each: noise adds up to no share between classes.

    ``within`` its class (of ``k`` images, scaled by ``k / (k - 1)``), ``total`` over all; ``rows`` ``(m,)`` are the
    images whose class has at least two.
    """

    rows: Tensor
    within: Tensor
    total: Tensor

    @property
    def between(self) -> Tensor:
        """Share of each dimension's variance that lies between classes, ``(d,)``; about 0 without any."""
        return 1 - self.within.sum(dim=0) / self.total.sum(dim=0).clamp_min(1e-12)


def class_residuals(values: Tensor, labels: Tensor) -> ClassResiduals:
    """Squared residuals of ``values`` ``(n, d)`` within classes ``labels`` ``(n,)`` integers, and altogether.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: no class has two images.
    """
    require_shape("values", values, None, None)
    require_shape("labels", labels, len(values))
    _, dense, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    rows = (counts[dense] > 1).nonzero().squeeze(1)
    if not len(rows):
        raise ValueError("no class has two images")
    sums = torch.zeros(len(counts), values.shape[1], dtype=values.dtype).index_add(0, dense, values)
    n, sizes = len(values), counts[dense].to(values.dtype)[:, None]
    own = (values - sums[dense] / sizes).square() * sizes / (sizes - 1).clamp_min(1)
    all_ = (values - values.mean(dim=0)).square() * n / (n - 1)
    return ClassResiduals(rows, own[rows], all_[rows])
