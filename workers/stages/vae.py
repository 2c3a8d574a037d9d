"""Stage ``vae``: the supervised VAE in audit mode, targets are the classifier's soft answers (papers.md section 1)."""

from __future__ import annotations

import torch

from workers.stages.stage import Produced, StageContext, pack_json
from workers.vae import VaeConfig, fit_vae, save, task_dimensions

EFFORT = {"quick": 1, "standard": 5, "full": 20}
LARGEST_TASK = 32
"""A block as large as the codes would be no bottleneck."""


def run(context: StageContext) -> Produced:
    """The VAE and its diagnostics: fidelity of the head, leakage, active units.

    Raises:
        TrainingDiverged: the loss is no longer finite.
    """
    codes, latents = context.arrays("codes"), context.arrays("latents")
    targets = torch.from_numpy(latents["probabilities"])
    base = VaeConfig()
    task_dim = task_dimensions(targets, min(LARGEST_TASK, codes["means"].shape[1]))
    config = VaeConfig(task_dim=task_dim, steps=base.steps * EFFORT[context.budget.name])
    fitted = fit_vae(
        torch.from_numpy(codes["means"]), torch.from_numpy(codes["stds"]), targets, config, context.generator(),
        context.report, context.device,
    )  # fmt: skip
    diagnostics = {
        "fidelity": fitted.fidelity,
        "leakage": fitted.leakage.excess,
        "leakage_accuracy": fitted.leakage.accuracy,
        "leakage_chance": fitted.leakage.chance,
        "explained": fitted.explained,
        "task_dim": fitted.model.task_dim,
        "nuisance_dim": fitted.model.nuisance_dim,
        "active_task": fitted.active_task,
        "active_nuisance": fitted.active_nuisance,
        "n": fitted.leakage.n,
    }
    return Produced({"vae": save(fitted), "diagnostics": pack_json(diagnostics)}, diagnostics)
