"""Stage ``inn:<tap>``: fit ``t(code | z)`` of one tap on cached codes (papers.md 4(a))."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workers.flows.fitting import FULL, QUICK, STANDARD, FittedInn, InnProfile, fit_inn
from workers.flows.inn import ConditionalINN
from workers.stages.stage import Arrays, Produced, StageContext, pack
from workers.training.checkpoints import from_bytes, to_bytes

EFFORT: dict[str, InnProfile] = {"quick": QUICK, "standard": STANDARD, "full": FULL}
PROBED_DRAWS = 2


def run(context: StageContext) -> Produced:
    """The network, and its ``diagnostics``: held-out NLLs, ``v`` of the test rows, round trip, spread of the codes.

    Raises:
        TrainingDiverged: a loss or score is not finite.
    """
    codes, z = context.arrays("codes"), condition(context.arrays("latents"), context.config["tap"])
    means, stds = torch.from_numpy(codes["means"]), torch.from_numpy(codes["stds"])
    profile = EFFORT[context.budget.name]
    # The same generator for every tap and for the prior: the same split, so that their NLLs are paired image by image.
    fitted = fit_inn(
        means, stds, z, profile, context.shared_generator("flows"), device=context.device, on_progress=context.report
    )
    inn = fitted.inn.cpu()
    code = means + stds * torch.randn(means.shape, generator=context.shared_generator("posterior"))
    diagnostics = diagnose(context, fitted, inn, code, z)
    summary = {
        "nll": float(fitted.nll.mean()),
        "nll_linear_gaussian": float(fitted.nll_linear_gaussian.mean()),
        "nll_gaussian": float(fitted.nll_gaussian.mean()),
        "best_step": fitted.history.best_step,
    }
    return Produced({"inn": dump_inn(inn), "diagnostics": pack(diagnostics)}, summary)


def condition(latents: Arrays, tap: str) -> Tensor:
    """What the network is told of a tap: its compressed values, ``(n, k)``."""
    return torch.from_numpy(latents[f"z:{tap}"].astype(np.float32))


def diagnose(context: StageContext, fitted: FittedInn, inn: ConditionalINN, code: Tensor, z: Tensor) -> Arrays:
    """What the gates need: numbers per held-out image, never a summary that hides the spread."""
    rows = fitted.test_rows.cpu()
    held_code, held_z = code[rows], z[rows]
    v = inn.v_for(held_code, held_z)
    with torch.no_grad():
        back = inn.inverse(v, held_z)[0]
    draws = inn.sample(held_z, PROBED_DRAWS, context.generator("draws"))
    return {
        "nll": fitted.nll.cpu().numpy(),
        "nll_linear_gaussian": fitted.nll_linear_gaussian.cpu().numpy(),
        "nll_gaussian": fitted.nll_gaussian.cpu().numpy(),
        "rows": rows.numpy(),
        "v": v.numpy(),
        "round_trip": (back - held_code).abs().amax(dim=1).numpy(),
        "draws": draws.numpy(),
        "codes": held_code.numpy(),
    }


def dump_inn(inn: ConditionalINN) -> bytes:
    """The network as safetensors with a JSON header."""
    header, state = inn.state()
    return to_bytes(state, header)


def load_inn(data: bytes) -> ConditionalINN:
    """Inverse of :func:`dump_inn`.

    Raises:
        CheckpointError: the bytes are damaged.
    """
    return ConditionalINN.from_state(*from_bytes(data))
