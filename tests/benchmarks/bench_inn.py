"""Speed and held-out NLL of the conditional INN. A script, not a test: ``python tests/benchmarks/bench_inn.py --help``.

The latents file is an ``.npz`` with ``means`` and ``stds`` ``(n, d)``, ``condition`` ``(n, …)`` and optionally
``groups`` ``(n,)``; without one a synthetic nonlinear problem is used.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from torch import Tensor

from workers.flows.fitting import FULL, QUICK, STANDARD, FittedInn, InnProfile, fit_inn

PROFILES = {"quick": QUICK, "standard": STANDARD, "full": FULL}


class Latents(NamedTuple):
    means: Tensor
    stds: Tensor
    condition: Tensor
    groups: Tensor | None


def synthetic(n: int, dim: int, size: int, seed: int) -> Latents:
    """Codes that bend with what ``z`` sees: their conditional is far from Gaussian."""
    g = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, dim, generator=g)
    mix = torch.linalg.qr(torch.randn(dim, dim, generator=g))[0]
    bent = hidden + torch.sin(2 * hidden.roll(1, dims=1)) + 0.5 * hidden.roll(2, dims=1).square()
    code = bent @ mix
    code = (code - code.mean(dim=0)) / code.std(dim=0)
    seen = torch.tanh(code @ torch.randn(dim, size, generator=g) / dim**0.5)
    return Latents(code, torch.full_like(code, 0.1), seen + 0.05 * torch.randn(n, size, generator=g), None)


def load(path: Path) -> Latents:
    with np.load(path, allow_pickle=False) as arrays:
        floats = (torch.from_numpy(arrays[name]).float() for name in ("means", "stds", "condition"))
        groups = torch.from_numpy(arrays["groups"]) if "groups" in arrays else None
        return Latents(*floats, groups)


def best_seconds(run: Callable[[], object], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def matmul_rate() -> float:
    """GFLOP/s of the matrix product that dominates training: 256 x 128 x 128."""
    a, b = torch.randn(256, 128), torch.randn(128, 128)
    return 2 * 256 * 128 * 128 / best_seconds(lambda: a @ b, 500) / 1e9


def round_trip(fitted: FittedInn, z: Tensor, size: float) -> float:
    code = size * fitted.test_codes
    with torch.no_grad():
        v, _ = fitted.inn(code, z)
        return float((fitted.inn.inverse(v, z)[0] - code).abs().max())


def report(data: Latents, fitted: FittedInn, profile: InnProfile) -> list[tuple[str, str]]:
    dim = data.means.shape[1]
    z = data.condition[fitted.test_rows]
    count = sum(p.numel() for p in fitted.inn.parameters() if p.requires_grad)
    rate = fitted.history.steps[-1] * profile.batch / fitted.seconds["training"]
    some = z[:256]
    draw = best_seconds(lambda: fitted.inn.sample(some, 32, torch.Generator().manual_seed(0)))
    curve = " ".join(f"{score / dim:.3f}" for score in fitted.history.held_out)
    gain = (fitted.nll_linear_gaussian - fitted.nll) / dim
    return [
        ("rows, code, condition", f"{len(data.means)}, {dim}, {tuple(data.condition.shape[1:])}"),
        ("trained parameters", f"{count:,}"),
        ("NLL, unconditional Gaussian", f"{fitted.nll_gaussian.mean() / dim:.4f} nats/dim"),
        ("NLL, linear-Gaussian (ridge)", f"{fitted.nll_linear_gaussian.mean() / dim:.4f} nats/dim ({fitted.ridge})"),
        ("NLL, INN", f"{fitted.nll.mean() / dim:.4f} nats/dim"),
        ("gain over linear-Gaussian", f"{gain.mean():.4f} ± {gain.std() / len(gain) ** 0.5:.4f} nats/dim"),
        ("curve on selection rows", curve),
        ("training", f"{rate:,.0f} samples/s, {6 * count * rate / 1e9:.0f} GFLOP/s of {matmul_rate():.0f} (matmul)"),
        ("sampling", f"{len(some) * 32 / draw:,.0f} samples/s"),
        ("round trip at 1x, 3x, 6x", ", ".join(f"{round_trip(fitted, z, s):.1e}" for s in (1.0, 3.0, 6.0))),
        ("seconds", ", ".join(f"{phase} {took:.1f}" for phase, took in fitted.seconds.items())),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", nargs="?", type=Path, help="npz file; synthetic data without it")
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--steps", type=int, help="instead of the profile's")
    parser.add_argument("--rows", type=int, default=8000, help="of the synthetic data")
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--condition", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    given = options.latents
    data = load(given) if given else synthetic(options.rows, options.dim, options.condition, options.seed)
    profile = PROFILES[options.profile]
    if options.steps:
        profile = replace(profile, training=replace(profile.training, steps=options.steps))
    generator = torch.Generator().manual_seed(options.seed)
    started = time.process_time()
    fitted = fit_inn(data.means, data.stds, data.condition, profile, generator, groups=data.groups)
    spent = ("CPU seconds of the fit", f"{time.process_time() - started:.1f}")
    for name, value in [*report(data, fitted, profile), spent]:
        print(f"{name:30s} {value}")


if __name__ == "__main__":
    main()
