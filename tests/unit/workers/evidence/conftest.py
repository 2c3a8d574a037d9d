"""Images whose statistics are known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.evidence.pixels import from_hsv


def coloured_blobs(n: int, side: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], dict[str, NDArray]]:
    """Elongated Gaussian blobs on black, and the true centre, angle, size and hue of each."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    truth = {
        "position_x": rng.uniform(-0.1, 0.1, n),
        "position_y": rng.uniform(-0.1, 0.1, n),
        "rotation": rng.uniform(0, np.pi, n),
        "size": rng.uniform(0.055, 0.08, n),
        "hue": rng.uniform(0, 1, n),
    }

    def per_image(values: NDArray) -> NDArray:
        return values[:, None, None]

    dx = x - side * per_image(truth["position_x"])
    dy = y - side * per_image(truth["position_y"])
    cosine, sine = np.cos(per_image(truth["rotation"])), np.sin(per_image(truth["rotation"]))
    along, across = cosine * dx + sine * dy, cosine * dy - sine * dx
    scale = side * per_image(truth["size"])
    mask = np.exp(-0.5 * ((along / (1.6 * scale)) ** 2 + (across / (0.8 * scale)) ** 2))
    full = np.ones_like(mask)
    rgb = from_hsv(
        per_image(truth["hue"]) * full,
        per_image(rng.uniform(0.4, 0.8, n)) * full,
        per_image(rng.uniform(0.4, 0.8, n)) * mask,
    )
    return rgb, truth


@pytest.fixture(scope="session")
def blobs() -> tuple[NDArray[np.float32], dict[str, NDArray]]:
    return coloured_blobs(300, 32, np.random.default_rng(0))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def many_blobs() -> NDArray[np.float32]:
    return coloured_blobs(800, 24, np.random.default_rng(1))[0]
