"""Stage ``discovered``: factors that nobody named, from the Gaussianised codes (papers.md 2(c), I2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workers.concepts.discovered import discover, save
from workers.stages.codec import open_codec
from workers.stages.features import features_of
from workers.stages.inn import load_inn
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext

POINTS = {"quick": 64, "standard": 128, "full": 256}


def run(context: StageContext) -> Produced:
    """``discovered``: directions of the Gaussianised codes by the variance they draw, with what they resemble.

    Raises:
        CheckpointError: a stored network is damaged.
    """
    codec = open_codec(context.blob("autoencoder"))

    def decode(codes: Tensor) -> Tensor:
        return torch.from_numpy(codec.decode(codes).astype(np.float32))

    features = features_of(context, load_references(context))
    columns = {one.name: one.encoding.encode(one.column.values) for one in features}
    codes = torch.from_numpy(context.arrays("codes")["means"])
    found = discover(load_inn(context.blob("flow")), codes, decode, columns, points=POINTS[context.budget.name])
    return Produced({"discovered": save(found)}, {"names": list(found.names), "shares": list(found.shares)})
