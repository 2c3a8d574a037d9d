"""Evidence: what a cross-fitted probe costs for twelve features of the demo's images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from workers.evidence import measured
from workers.evidence.features import FeatureColumn
from workers.evidence.readability import read_features

from .demo import columns, digits
from .measurement import Measured, seconds

WIDTHS = (64, 1568)
STATISTICS = (
    measured.saturation, measured.luminance, measured.contrast, measured.sharpness, measured.position_x,
    measured.position_y, measured.size,
)  # fmt: skip


def features() -> list[FeatureColumn]:
    """The digit, the dataset's three columns, and eight statistics of the pixels."""
    given = {name: values.astype(np.float64) for name, values in columns().items() if name != "images"}
    images = digits().images
    return [
        FeatureColumn("digit", "categorical", given["labels"], n_categories=10),
        FeatureColumn("hue", "circular", given["hue"], period=1.0),
        FeatureColumn("rotation", "circular", measured.rotation(images), period=np.pi),
        *(FeatureColumn(name, "numeric", given[name]) for name in ("thickness", "slant")),
        *(FeatureColumn(statistic.__name__, "numeric", statistic(images)) for statistic in STATISTICS),
    ]


def latents(threads: int) -> dict[int, NDArray[np.float32]]:
    """Taps of the demo's classifier by number of units, ``(n, units)``."""
    outputs = digits().open(threads).run(digits().images)
    flat = (values.reshape(len(values), -1) for values in outputs.taps.values())
    return {values.shape[1]: values for values in flat}


def bench(threads: int) -> Iterator[Measured]:
    """Seconds at a narrow and at a wide tap, permuted twins included."""
    read, known = latents(threads), features()
    for width in WIDTHS:
        z = read[width]
        took = seconds(lambda z=z: read_features(z, known, np.random.default_rng(0)), 1)  # type: ignore[misc]
        yield Measured(f"probe, {len(known)} features, k = {width}", f"{took:.2f} s for {len(z):,} images")
