"""A concept from two sketches: what two images have in common that small changes of them do not touch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from workers.concepts.pairs import Attribute
from workers.flows.linear_gaussian import fit_gaussian

_WITHIN = 0.3
"""Added to the variance within a sketch's cloud, in units of the references' variance: few pictures show so little."""
_PAIRS = 20_000
STRONG = 0.95
"""Two sketches define something when they are more alike than this share of random pairs of references."""


def sketch_concept(name: str, means: Tensor, first: Tensor, second: Tensor, rng: np.random.Generator) -> Attribute:
    """The concept as a column over the references: their place along the direction that both sketches lie in.

    Each sketch comes as a cloud of codes of its augmentations. In whitened codes the direction is that of the two
    clouds' centres, discounted where augmentation moves a cloud (Fisher's discriminant): ``(W + c I)^-1 (u_1 + u_2)``.
    References that are near along it are then the nearest matches, from which pairs are drawn like those of any column.
    Two images fix one direction and no more; ``caution`` says how much they agree, compared with random references.

    Args:
        name: of the concept.
        means: posterior means of the references, ``(n, d)``.
        first: codes of one sketch's augmentations, ``(m, d)``.
        second: the same of the other.
        rng: draws the random pairs that the sketches are compared with.
    """
    whitening = fit_gaussian(means, torch.zeros_like(means))
    with torch.no_grad():
        white, *clouds = (whitening.run(codes)[0].double() for codes in (means, first, second))
    centres = [functional.normalize(cloud.mean(dim=0), dim=0) for cloud in clouds]
    within = sum((_covariance(cloud) for cloud in clouds), _WITHIN * torch.eye(means.shape[1], dtype=torch.float64))
    axis = functional.normalize(torch.linalg.solve(within, centres[0] + centres[1]), dim=0)
    values = (white @ axis).numpy()
    caution, alike = _caution(white, clouds, values, axis, rng)
    return Attribute(name, "numeric", values, None, "sketch", caution, alike)


def _caution(
    white: Tensor, clouds: list[Tensor], values: NDArray[np.float64], axis: Tensor, rng: np.random.Generator
) -> tuple[str, float]:
    centres = [cloud.mean(dim=0) for cloud in clouds]
    cosine = float(functional.cosine_similarity(centres[0], centres[1], dim=0))
    rows = rng.integers(len(white), size=(2, _PAIRS))
    among = functional.cosine_similarity(white[rows[0]], white[rows[1]], dim=1)
    alike = float((among < cosine).double().mean())
    gap = abs(float((centres[0] - centres[1]) @ axis))
    closer = float((np.abs(values[rows[0]] - values[rows[1]]) > gap).mean())
    beyond = min(float((white.norm(dim=1) > centre.norm()).double().mean()) for centre in centres)
    said = (
        f"Two images define it, and two images fix one direction among {white.shape[1]}. They are more alike than "
        f"{alike:.0%} of random pairs of references, and along that direction closer than {closer:.0%}. "
        f"{beyond:.0%} of the references lie farther out than the stranger of the two."
        + (" They agree no better than many random pairs do: read nothing into it." if alike < STRONG else "")
    )
    return said, alike


def _covariance(cloud: Tensor) -> Tensor:
    centred = cloud - cloud.mean(dim=0)
    return centred.T @ centred / max(1, len(cloud) - 1)
