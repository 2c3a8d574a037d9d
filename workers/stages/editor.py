"""Stage ``editor``: a conditional INN of the codes given every attribute column, to edit one of them alone.

See ``deploy/decisions/0003``. Depends on the dataset alone.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.flows.fitting import fit_inn
from workers.flows.inn import ConditionalINN
from workers.stages.features import AuditedFeature, features_of
from workers.stages.inn import EFFORT, dump_inn
from workers.stages.oracles import NOTHING
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext


def run(context: StageContext) -> Produced:
    """The editor network.

    Raises:
        TrainingDiverged: a loss or score is not finite.
    """
    columns = conditioning(features_of(context, load_references(context)))
    if not columns:
        return Produced({"editor": NOTHING})
    told = condition(columns, {column.name: column.column.values for column in columns})
    codes = context.arrays("codes")
    means, stds = torch.from_numpy(codes["means"]), torch.from_numpy(codes["stds"])
    fitted = fit_inn(
        means, stds, told, EFFORT[context.budget.name], context.generator(), device=context.device,
        on_progress=context.report,
    )  # fmt: skip
    summary = {"nll": float(fitted.nll.mean()), "nll_linear_gaussian": float(fitted.nll_linear_gaussian.mean())}
    return Produced({"editor": dump_inn(fitted.inn.cpu())}, summary)


def conditioning(features: list[AuditedFeature]) -> list[AuditedFeature]:
    """The features that the editor is told: every attribute column, the label, and all counts of graphs.

    Not the measured statistics of images: each has an exact transform.
    """
    return [feature for feature in features if feature.told]


def condition(columns: list[AuditedFeature], values: dict[str, NDArray[np.float64]]) -> Tensor:
    """Encodings of the columns' ``values (n,)`` side by side, ``(n, k)`` float32; 0 where there is no value."""
    parts = [feature.encoding.encode(values[feature.name]) for feature in columns]
    return torch.from_numpy(np.nan_to_num(np.concatenate(parts, axis=1)).astype(np.float32))


@torch.no_grad()
def retold(editor: ConditionalINN, residual: Tensor, told: Tensor) -> Tensor:
    """``t^-1(v | told)``: the code ``(n, d)`` whose columns are ``told``; ``v`` is everything that they do not say."""
    codes: Tensor = editor.inverse(residual, told)[0]
    return codes
