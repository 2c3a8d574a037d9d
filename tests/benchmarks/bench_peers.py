"""The INN beside FrEIA and zuko: ``python -m tests.benchmarks.bench_peers --help``.

Job: ``t(code | z)`` of the demo's digits, each in four random hues; codes of Scotoma's own autoencoder, ``z`` the
robust classifier's last hidden layer. A fifth of the digits, with all their hues, is held out; its codes are drawn
once. Every model gets the same rows, the same standardised ``z``, the same number of threads, in one process, one after
the other. Peers train for ``--seconds``, ours for a third of that and once for as long. The closed form is the level to
beat.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deploy.demo.digits import colour, mnist
from workers.autoencoder import AutoencoderConfig, encode_images, fit_autoencoder
from workers.flows.fitting import STANDARD, FittedInn, InnProfile, fit_inn
from workers.flows.inn import ConditionalINN
from workers.flows.linear_gaussian import fit_linear_gaussian

from .bench_inn import HIDDEN, matmul_rate, of_demo
from .demo import digits
from .measurement import Measured, rivals
from .peers import BATCH, PEERS, Curve, Data, Flow, ZukoNsf, held_out, train

HUES = 4
HELD_OUT = 1000
OURS = "Scotoma"
BRIEF = 20.0


def prepare(path: Path, threads: int) -> None:
    """Write ``means``, ``stds``, ``condition`` and ``groups`` (the digit) to ``path``; takes minutes."""
    grey, _ = mnist()
    rng = np.random.default_rng(3)
    images = np.concatenate([colour(grey, rng.random(len(grey))) for _ in range(HUES)])
    config = AutoencoderConfig.for_images(28, 28, 3, "quick")
    fitted = fit_autoencoder(images, config, torch.Generator().manual_seed(0))
    means, stds = encode_images(fitted.model, images)
    seen = digits().open(threads).run(images).taps[HIDDEN]
    groups = np.tile(np.arange(len(grey)), HUES)
    np.savez(path, means=means.numpy(), stds=stds.numpy(), condition=seen.reshape(len(seen), -1), groups=groups)


def load(path: Path) -> Data:
    """Standardised, split by digit, held-out codes drawn."""
    with np.load(path, allow_pickle=False) as arrays:
        means, stds, z = (torch.from_numpy(arrays[name]).float() for name in ("means", "stds", "condition"))
        test = torch.from_numpy(arrays["groups"] < HELD_OUT)
    z = (z - z[~test].mean(dim=0)) / z[~test].std(dim=0).clamp_min(1e-6)
    codes = means[test] + stds[test] * torch.randn(means[test].shape, generator=torch.Generator().manual_seed(1))
    return Data(means[~test], stds[~test], z[~test], codes, z[test])


def linear_gaussian(data: Data) -> float:
    """Held-out NLL of the best linear-Gaussian conditional, nats per dimension."""
    fitted = fit_linear_gaussian(data.means, data.stds, data.z)
    return -float(fitted.log_prob(data.test_codes, data.test_z).mean()) / data.means.shape[1]


def ours(data: Data, budget: float, seed: int, profile: InnProfile = STANDARD) -> tuple[ConditionalINN, Curve]:
    """Scotoma's fit with as many steps as fit into ``budget`` seconds, closed-form start and selection included."""
    began = time.perf_counter()
    brief = _fit(data, profile, 60, seed)
    per_step = (brief.seconds["training"]) / 60
    fixed = time.perf_counter() - began - brief.seconds["training"]
    steps = max(100, int((budget - fixed) / per_step))
    began = time.perf_counter()
    fitted = _fit(data, profile, steps, seed)
    spent = time.perf_counter() - began
    return fitted.inn, Curve([spent], [held_out(fitted.inn, data)], fitted.history.steps[-1])


def _fit(data: Data, profile: InnProfile, steps: int, seed: int) -> FittedInn:
    training = replace(profile.training, steps=steps, evaluate_every=max(50, steps // 10), patience=0)
    sized = replace(profile, training=training, selection=0.05, test=0.01)
    return fit_inn(data.means, data.stds, data.z, sized, torch.Generator().manual_seed(seed))


def sampling(flows: dict[str, Flow], z: Tensor, draws: int, repeats: int = 8) -> dict[str, float]:
    """Samples per second of each: ``draws`` per condition of ``BATCH`` conditions, rivals in turns.

    The peers get the repeated conditions in batches of 2,048 rows, which is their fastest; ours knows of draws.
    """
    chosen = z[:BATCH]
    repeated = torch.split(chosen.repeat_interleave(draws, dim=0), 2048)

    def run(flow: Flow) -> object:
        with torch.inference_mode():
            if isinstance(flow, _Ours):
                return flow.inn.sample(chosen, draws, torch.Generator().manual_seed(0))
            return [flow.sample(part) for part in repeated]

    best = rivals([lambda flow=flow: run(flow) for flow in flows.values()], repeats)  # type: ignore[misc]
    return {name: BATCH * draws / took for name, took in zip(flows, best, strict=True)}


def rates(flows: dict[str, Flow], z: Tensor) -> Iterator[Measured]:
    """One draw per condition, and as many as an audit takes; zuko's inverse is sequential and not asked for many."""
    for draws in (1, 32):
        asked = {name: flow for name, flow in flows.items() if draws == 1 or not isinstance(flow, ZukoNsf)}
        found = sampling(asked, z, draws)
        best = max(rate for name, rate in found.items() if name != OURS)
        value = ", ".join(f"{name} {rate:,.0f}" for name, rate in found.items())
        yield Measured(f"samples/s, {draws} a condition", f"{value}; ours {found[OURS] / best:.1f}x", "ours ≥ 2x")


class _Ours:
    """Our network in the peers' words."""

    def __init__(self, inn: ConditionalINN) -> None:
        self.inn = inn

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        return self.inn.parameters()

    def log_prob(self, code: Tensor, z: Tensor) -> Tensor:
        return self.inn.log_prob(code, z)

    def sample(self, z: Tensor) -> Tensor:
        return self.inn.sample(z, 1, torch.Generator().manual_seed(0))[:, 0]


def race(data: Data, budget: float, seed: int) -> Iterator[Measured]:
    """One seed of everybody."""
    dim, condition = data.means.shape[1], data.z.shape[1]
    flows: dict[str, Flow] = {}
    yield Measured("closed-form linear-Gaussian", f"{linear_gaussian(data):.3f} nats/dim")
    for name, build in PEERS.items():
        torch.manual_seed(seed)
        flows[name] = build(dim, condition)
        curve = train(flows[name], data, budget, seed)
        marks = " ".join(f"{nll:.3f}" for nll in curve.nll[:: max(1, len(curve.nll) // 5)])
        yield Measured(name, f"{curve.nll[-1]:.3f} nats/dim after {budget:.0f} s, {curve.steps:,} steps ({marks})")
    for share in (3, 1):
        inn, curve = ours(data, budget / share, seed)
        flows[OURS] = _Ours(inn)
        took = f"after {curve.seconds[-1]:.0f} s, {curve.steps:,} steps"
        yield Measured(OURS, f"{curve.nll[-1]:.3f} nats/dim {took}", "peers' in a third of the time; lower in all")
    yield from rates(flows, data.test_z)


def missing() -> list[str]:
    """Peers that are not installed."""
    return [name for name in ("FrEIA", "zuko") if importlib.util.find_spec(name) is None]


def bench(threads: int) -> Iterator[Measured]:
    """A race of twenty seconds each on the demo's principal components: the autoencoder's codes take minutes to fit."""
    if missing():
        names = " and ".join(missing())
        yield Measured("peers", f"not measured: {names} not installed; pip install '.[bench]'")
        return
    torch.set_num_threads(threads)
    yield from race(brief(threads), BRIEF, 0)


def brief(threads: int) -> Data:
    """The demo's images as principal components, every fifth held out."""
    found = of_demo(32, threads)
    test = torch.arange(len(found.means)) % 5 == 0
    seen = found.condition.flatten(1)
    z = (seen - seen[~test].mean(dim=0)) / seen[~test].std(dim=0).clamp_min(1e-6)
    means, stds = found.means, found.stds
    codes = means[test] + stds[test] * torch.randn(means[test].shape, generator=torch.Generator().manual_seed(1))
    return Data(means[~test], stds[~test], z[~test], codes, z[test])


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=Path, default=Path(".bench-latents.npz"), help="made when it is not there")
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Prepare once, then race."""
    options = parse()
    torch.set_num_threads(options.threads)
    if not options.latents.exists():
        print("fitting an autoencoder to 20,000 digits once: minutes")
        prepare(options.latents, options.threads)
    data = load(options.latents)
    shape = f"{len(data.means):,} rows, code {data.means.shape[1]}, condition {data.z.shape[1]}"
    print(f"{shape}; {len(data.test_codes):,} held out; {options.threads} threads; matmul {matmul_rate():.0f} GFLOP/s")
    for seed in range(options.seeds):
        for line in race(data, options.seconds, seed):
            print(f"seed {seed}  {line.what:32} {line.value}", flush=True)


if __name__ == "__main__":
    main()
