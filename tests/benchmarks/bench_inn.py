"""Speed and held-out NLL of the conditional INN: ``python -m tests.benchmarks.bench_inn --help`` for other data.

The latents file is an ``.npz`` with ``means`` and ``stds`` ``(n, d)``, ``condition`` ``(n, …)`` and optionally
``groups`` ``(n,)``; without one a synthetic nonlinear problem is used. ``make bench`` takes the demo: 32 principal
components of the images (whitened, known to a tenth) given the classifier's hidden layer. The autoencoder's codes would
take minutes to fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from workers.flows.fitting import FULL, QUICK, STANDARD, FittedInn, InnProfile, fit_inn

from .demo import digits
from .measurement import Measured, seconds

PROFILES = {"quick": QUICK, "standard": STANDARD, "full": FULL}
HIDDEN = "relu_2"


class Latents(NamedTuple):
    """Posteriors ``means``, ``stds`` ``(n, d)`` and what they are conditioned on."""

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
    """An ``.npz`` as the module says."""
    with np.load(path, allow_pickle=False) as arrays:
        means, stds, condition = (torch.from_numpy(arrays[name]).float() for name in ("means", "stds", "condition"))
        groups = torch.from_numpy(arrays["groups"]) if "groups" in arrays else None
        return Latents(means, stds, condition, groups)


def of_demo(dim: int, threads: int) -> Latents:
    """The demo's images as principal components, given what the classifier's hidden layer says of them."""
    images = digits().images
    code = PCA(dim, whiten=True, random_state=0).fit_transform(images.reshape(len(images), -1) / np.float32(255))
    seen = digits().open(threads).run(images).taps[HIDDEN]
    means = torch.from_numpy(np.ascontiguousarray(code, dtype=np.float32))
    return Latents(means, torch.full_like(means, 0.1), torch.from_numpy(seen), None)


def matmul_rate() -> float:
    """GFLOP/s of the matrix product that dominates training: 256 x 128 x 128."""
    a, b = torch.randn(256, 128), torch.randn(128, 128)
    return 2 * 256 * 128 * 128 / seconds(lambda: a @ b, 500) / 1e9


def round_trip(fitted: FittedInn, z: Tensor, size: float) -> float:
    """Largest error of there and back, for codes ``size`` times as large as real ones."""
    code = size * fitted.test_codes
    with torch.no_grad():
        v, _ = fitted.inn(code, z)
        return float((fitted.inn.inverse(v, z)[0] - code).abs().max())


def speed(fitted: FittedInn, z: Tensor, profile: InnProfile) -> list[Measured]:
    """Training and sampling, and how much of the machine training uses."""
    count = sum(p.numel() for p in fitted.inn.parameters() if p.requires_grad)
    rate = fitted.history.steps[-1] * profile.batch / fitted.seconds["training"]
    used, possible = 6 * count * rate / 1e9, matmul_rate()  # a product forwards and two backwards
    some = z[:256]
    draw = seconds(lambda: fitted.inn.sample(some, 32, torch.Generator().manual_seed(0)))
    share = f"{used:.0f} of {possible:.0f} GFLOP/s: {used / possible:.0%}"
    return [
        Measured("INN, training", f"{rate:,.0f} samples/s, {fitted.seconds['training']:.1f} s"),
        Measured("INN, share of the matmul rate", share, "≥ 70 % (or of bandwidth)"),
        Measured("INN, sampling", f"{len(some) * 32 / draw:,.0f} samples/s"),
    ]


def likelihood(fitted: FittedInn, dim: int) -> list[Measured]:
    """Held-out NLL per dimension of the INN and of its closed-form references."""
    gain = (fitted.nll_linear_gaussian - fitted.nll) / dim
    scores = (fitted.nll, fitted.nll_linear_gaussian, fitted.nll_gaussian)
    inn, linear, gaussian = (float(score.mean()) / dim for score in scores)
    value = f"{inn:.3f}, linear-Gaussian {linear:.3f}, Gaussian {gaussian:.3f}"
    margin = f"{gain.mean():.3f} ± {gain.std() / len(gain) ** 0.5:.3f} nats/dim"
    return [Measured("INN, NLL in nats/dim", value), Measured("INN, gain over linear-Gaussian", margin, "> 0")]


def details(data: Latents, fitted: FittedInn) -> list[Measured]:
    """What one looks at when the figures surprise."""
    z, dim = data.condition[fitted.test_rows], data.means.shape[1]
    count = sum(p.numel() for p in fitted.inn.parameters() if p.requires_grad)
    errors = ", ".join(f"{round_trip(fitted, z, size):.1e}" for size in (1.0, 3.0, 6.0))
    return [
        Measured("rows, code, condition", f"{len(data.means)}, {dim}, {tuple(data.condition.shape[1:])}"),
        Measured("trained parameters", f"{count:,}"),
        Measured("ridge of the linear-Gaussian", f"{fitted.ridge}"),
        Measured("curve on selection rows", " ".join(f"{score / dim:.3f}" for score in fitted.history.held_out)),
        Measured("round trip at 1x, 3x, 6x", errors),
        Measured("seconds", ", ".join(f"{phase} {took:.1f}" for phase, took in fitted.seconds.items())),
    ]


def measure(data: Latents, profile: InnProfile, seed: int = 0) -> tuple[FittedInn, list[Measured]]:
    """Fit once, then read everything off."""
    generator = torch.Generator().manual_seed(seed)
    fitted = fit_inn(data.means, data.stds, data.condition, profile, generator, groups=data.groups)
    lines = speed(fitted, data.condition[fitted.test_rows], profile) + likelihood(fitted, data.means.shape[1])
    return fitted, lines


def bench(threads: int) -> Iterator[Measured]:
    """The quick profile on the demo."""
    torch.set_num_threads(threads)
    yield from measure(of_demo(32, threads), QUICK)[1]


def parse() -> argparse.Namespace:
    """Command line of this benchmark alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", nargs="?", type=Path, help="npz file; synthetic data without it")
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--steps", type=int, help="instead of the profile's")
    parser.add_argument("--rows", type=int, default=8000, help="of the synthetic data")
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--condition", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Any latents, any profile, with the details."""
    options = parse()
    torch.set_num_threads(options.threads)
    given = options.latents
    data = load(given) if given else synthetic(options.rows, options.dim, options.condition, options.seed)
    profile = PROFILES[options.profile]
    if options.steps:
        profile = replace(profile, training=replace(profile.training, steps=options.steps))
    fitted, lines = measure(data, profile, options.seed)
    for line in [*lines, *details(data, fitted)]:
        print(f"{line.what:32s} {line.value}")


if __name__ == "__main__":
    main()
