"""Which patches of an image speak for its answer: Shapley values of patches, by forward passes alone.

One patch removed at a time would call two patches irrelevant that say the same; Shapley values (sampled over orders of
removal, Castro et al. 2009, as captum has it) share the credit, and add up to what the whole image changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.classifier.session import ClassifierSession
from workers.stages.views.odds import log_odds
from workers.training.randomness import seeded_by

Images = NDArray[np.uint8]
LARGEST_BATCH = 512
VISIBLE = 1.0
"""Grey levels that a patch must differ from the border's colour on average, else its removal changes nothing."""


@dataclass(frozen=True)
class PatchMaps:
    """Shapley values ``(n, rows, columns)`` in log-odds of the answer, from two independent halves of the orders."""

    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @property
    def mean(self) -> NDArray[np.float32]:
        """The estimate, ``(n, rows, columns)``."""
        return np.asarray((self.first + self.second) / 2)


def patch_maps(
    session: ClassifierSession, images: Images, answers: NDArray[np.int64], grid: int, orders: int,
    generator: torch.Generator,
) -> PatchMaps:  # fmt: skip
    """Attribution of the log-odds of ``answers (n,)`` to ``grid x grid`` patches of ``images (n, h, w, c)``.

    A removed patch takes the median colour of its image's border. ``orders`` of removal are sampled per half.

    Raises:
        StageError: the classifier refuses the images.
    """
    halves = [_shapley(session, images, answers, grid, orders, generator) for _ in range(2)]
    return PatchMaps(*halves)


def border_colour(images: Images) -> NDArray[np.float32]:
    """Median colour of the outermost pixels of each image, ``(n, 1, 1, c)``."""
    sides = [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]]
    return np.asarray(np.median(np.concatenate(sides, axis=1), axis=1), dtype=np.float32)[:, None, None]


def patch_numbers(height: int, width: int, grid: int) -> NDArray[np.int64]:
    """The patch of every pixel, ``(height, width)``, row by row; fewer patches where the image has fewer pixels."""
    rows, columns = min(grid, height), min(grid, width)
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    return np.asarray(down[:, None] * columns + across, dtype=np.int64)


def visible_patches(images: Images, grid: int) -> NDArray[np.bool_]:
    """Patches ``(n, rows, columns)`` that do not look like the border already: only those can be tested."""
    gap = np.abs(images.astype(np.float32) - border_colour(images)).mean(axis=-1)
    return np.asarray(per_patch(gap, grid) > VISIBLE)


def per_patch(values: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    """Mean of pixel values ``(n, h, w)`` over each patch, ``(n, rows, columns)``."""
    height, width = values.shape[1:]
    numbers = patch_numbers(height, width, grid).ravel()
    sums = np.stack([np.bincount(numbers, weights=image.ravel()) for image in values])
    means = sums / np.bincount(numbers)
    return np.asarray(means.reshape(len(values), min(grid, height), min(grid, width)), dtype=np.float32)


def _shapley(
    session: ClassifierSession, images: Images, answers: NDArray[np.int64], grid: int, orders: int,
    generator: torch.Generator,
) -> NDArray[np.float32]:  # fmt: skip
    from captum.attr import ShapleyValueSampling  # type: ignore[import-untyped]  # here: it loads matplotlib, which no other stage needs

    def ask(batch: Tensor, said: Tensor) -> Tensor:
        pixels = np.rint(batch.numpy()).astype(np.uint8)
        return torch.from_numpy(log_odds(session.run(pixels).logits, said.numpy()))

    height, width = images.shape[1:3]
    numbers = torch.from_numpy(patch_numbers(height, width, grid))
    at_once = max(1, LARGEST_BATCH // max(1, len(images)))
    with seeded_by(generator):
        found: Tensor = ShapleyValueSampling(ask).attribute(
            torch.from_numpy(images.astype(np.float32)),
            baselines=torch.from_numpy(border_colour(images)).expand(images.shape),
            feature_mask=numbers[None, :, :, None],
            additional_forward_args=(torch.from_numpy(answers),),
            n_samples=orders,
            perturbations_per_eval=min(at_once, int(numbers.max()) + 1),
        )
    return per_patch(found[..., 0].numpy(), grid)
