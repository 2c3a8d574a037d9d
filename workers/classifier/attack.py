"""Square Attack (Andriushchenko et al., ECCV 2020), l_inf: fools a classifier with forward passes alone.

Random search over square windows in which every channel is pushed to one end of what the norm allows; a push is kept
when it lowers the margin of the first answer. Many images are attacked at once, each until it is fooled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
LogitsOf = Callable[[Images], NDArray[np.float32]]

FIRST_AREA = 0.8
"""Share of the image that the first square covers: the paper's for small images, and the best for few queries."""

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Of 10,000 steps: where the share is halved (the paper's schedule); scaled to the number of queries."""


@dataclass(frozen=True)
class Attacked:
    """What an attack left: ``images`` uint8 ``(n, h, w, c)``, whether each is ``fooled``, ``queries`` spent on each."""

    images: Images
    fooled: NDArray[np.bool_]
    queries: NDArray[np.int64]


def square_attack(
    logits_of: LogitsOf, images: Images, answers: NDArray[np.int64], radius: int, queries: int,
    rng: np.random.Generator,
) -> Attacked:  # fmt: skip
    """Look for images within ``radius`` grey levels of ``images`` whose answer is not that of ``answers (n,)``.

    Args:
        logits_of: logits ``(n, classes)`` of images; one column means two classes, the second where it is positive.
        images: uint8 ``(n, h, w, c)``; results stay in 0..255 and within ``radius`` of them at every pixel.
        answers: what the classifier says of each image now.
        radius: largest change of any value, in grey levels.
        queries: forward passes per image, at most.
        rng: its only source of randomness.

    Raises:
        ValueError: no query is allowed, or the radius is not positive.
    """
    if queries < 1 or radius < 1:
        raise ValueError(f"an attack needs a query and a radius of at least 1, got {queries} and {radius}")
    pushes = _stripes(images.shape, radius, rng)
    best = margins(logits_of(pushed(images, pushes)), answers)
    spent = np.ones(len(images), dtype=np.int64)
    for step in range(1, queries):
        active = np.flatnonzero(best >= 0)
        if not len(active):
            break
        tried = _with_squares(pushes[active], _side(step, queries, images.shape[1:3]), radius, rng)
        found = margins(logits_of(pushed(images[active], tried)), answers[active])
        spent[active] += 1
        better = found < best[active]
        pushes[active[better]], best[active[better]] = tried[better], found[better]
    return Attacked(pushed(images, pushes), best < 0, spent)


def margins(logits: NDArray[np.float32], answers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logit of the answer minus the largest other, ``(n,)``: below 0 where the classifier says something else."""
    both = np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
    others = both.astype(np.float64)
    rows = np.arange(len(both))
    own = others[rows, answers].copy()
    others[rows, answers] = -np.inf
    return np.asarray(own - others.max(axis=1))


def random_signs(images: Images, radius: int, rng: np.random.Generator) -> Images:
    """The control of an attack: every value moved by ``radius`` up or down at random, kept in 0..255."""
    return pushed(images, _signs(images.shape, radius, rng))


def pushed(images: Images, pushes: NDArray[np.int16]) -> Images:
    """``images`` plus ``pushes`` of the same shape, kept in 0..255."""
    return np.asarray(np.clip(images.astype(np.int16) + pushes, 0, 255), dtype=np.uint8)


def _signs(shape: tuple[int, ...], radius: int, rng: np.random.Generator) -> NDArray[np.int16]:
    return np.where(rng.random(shape) < 0.5, -radius, radius).astype(np.int16)


def _stripes(shape: tuple[int, ...], radius: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """The paper's start: each column and channel pushed one way, from top to bottom."""
    n, height, width, channels = shape
    return np.repeat(_signs((n, 1, width, channels), radius, rng), height, axis=1)


def _side(step: int, queries: int, size: tuple[int, int]) -> int:
    """Side of the square at ``step``, in pixels."""
    scaled = step * 10_000 / queries
    share = FIRST_AREA / 2 ** sum(scaled > edge for edge in HALVINGS)
    return int(np.clip(round((share * size[0] * size[1]) ** 0.5), 1, min(size)))


def _with_squares(
    pushes: NDArray[np.int16], side: int, radius: int, rng: np.random.Generator
) -> NDArray[np.int16]:  # fmt: skip
    """Each image with one window pushed anew; never the pushes that were there, for that query would be wasted."""
    tried = pushes.copy()
    _, height, width, channels = pushes.shape
    tops, lefts = rng.integers(height - side + 1, size=len(tried)), rng.integers(width - side + 1, size=len(tried))
    for push, top, left, signs in zip(tried, tops, lefts, _signs((len(tried), channels), radius, rng), strict=True):
        window = push[top : top + side, left : left + side]
        window[:] = -signs if (window == signs).all() else signs
    return tried
