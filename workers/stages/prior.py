"""Stage ``prior``: the codes' density without any condition, by a flow of the same capacity as the taps' networks.

``information = NLL(prior) - NLL(tap)`` then compares like with like (papers.md M3). Depends on the dataset alone.
"""

from __future__ import annotations

import torch

from workers.flows.fitting import fit_unconditional
from workers.stages.inn import EFFORT, dump_inn
from workers.stages.stage import Produced, StageContext, pack


def run(context: StageContext) -> Produced:
    """``prior``: held-out ``nll (n_test,)`` of the rows ``rows``, nats per image; ``flow``: the network.

    Raises:
        TrainingDiverged: a loss or score is not finite.
    """
    codes = context.arrays("codes")
    means, stds = torch.from_numpy(codes["means"]), torch.from_numpy(codes["stds"])
    fitted = fit_unconditional(
        means, stds, EFFORT[context.budget.name], context.shared_generator("flows"), device=context.device,
        on_progress=context.report,
    )  # fmt: skip
    prior = {"nll": fitted.nll.cpu().numpy(), "rows": fitted.test_rows.cpu().numpy()}
    outputs = {"prior": pack(prior), "flow": dump_inn(fitted.inn.cpu())}
    return Produced(outputs, {"nll": float(fitted.nll.mean())})
