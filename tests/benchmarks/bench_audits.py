"""Seconds of an audit of the demo by stage, and peak memory: ``python -m tests.benchmarks.bench_audits --help``.

Every stage runs in this process, one after the other; a service with several workers takes less. ``--steps`` cuts every
training to a share of its steps: the line of a trained stage then says what the whole would take, at the measured rate.
That is an extrapolation, and it is marked as one. Early stops come on top: a real audit may take less.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from schemas.audits import AuditConfig, Profile
from schemas.classifiers import InputSpec
from schemas.datasets import AttributeSpec
from schemas.results import FeatureKind
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders import subjects
from tests.builders.folder_store import FolderStore
from workers.autoencoder import AutoencoderConfig
from workers.intake import intake_classifier
from workers.intake.datasets import inspect_dataset
from workers.oracles import OracleConfig
from workers.stages import editor, inn, oracles, prior, vae
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request
from workers.vae import VaeConfig

from .demo import classifier_file, columns
from .measurement import Measured

TRAINED = ("autoencoder", "oracles", "vae", "inn", "prior", "editor")
Seconds = dict[str, float]


def audit(config: AuditConfig, images: int) -> tuple[Seconds, int]:
    """Seconds by stage of an audit of the demo's robust classifier on so many images, and the number of its taps."""
    buffer = BytesIO()
    np.savez(buffer, **{name: values[:images] for name, values in columns().items()})
    hue = {"hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}
    facts, data = inspect_dataset(buffer.getvalue(), "digits.npz", hue)
    model_facts, model = intake_classifier(classifier_file(), InputSpec())
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(Path(folder))
        store.put(data)
        store.put(model)
        subject = AuditSubject(
            audit_id="aud_" + "0" * 16, name="bench", created_at=subjects.WHEN, attempt=1, config=config,
            classifier=subjects.classifier(model_facts), dataset=subjects.dataset(facts),
        )  # fmt: skip
        done = drive(lambda known: plan_audit(subject, known), store)
    seconds: defaultdict[str, float] = defaultdict(float)
    for name, outcome in done.items():
        seconds[name.partition(":")[0]] += outcome.seconds
    return dict(seconds), sum(name.startswith("inn:") for name in done)


def drive(plan: Callable[[Mapping[str, StageOutcome]], list[PlannedStage]], store: FolderStore) -> dict[str, Any]:
    """Run whatever is ready until the plan holds nothing new."""
    done: dict[str, StageOutcome] = {}
    while left := [stage for stage in plan(done) if stage.name not in done]:
        stage, request = next((s, r) for s in left if (r := s.resolve(done)) is not None)
        done[stage.name] = run_request(request, store, lambda share, note: None)
    return done


def shortened(profile: Profile, share: float) -> ExitStack:
    """Inside the block every training takes ``share`` of its steps."""

    def fewer(steps: int) -> int:
        return max(10, round(share * steps))

    whole, flow, stack = AutoencoderConfig.for_images, inn.EFFORT[profile.value], ExitStack()
    brief = replace(flow, training=replace(flow.training, steps=fewer(flow.training.steps), patience=0))
    for module in (inn, editor, prior):
        stack.enter_context(patch.object(module, "EFFORT", {profile.value: brief}, create=True))

    def images(height: int, width: int, channels: int, effort: Any) -> AutoencoderConfig:
        config = whole(height, width, channels, effort)
        return replace(config, steps=fewer(config.steps))

    stack.enter_context(patch.object(AutoencoderConfig, "for_images", staticmethod(images)))
    for module, build in ((oracles, OracleConfig), (vae, VaeConfig)):
        stack.enter_context(patch.object(module, build.__name__, _with_fewer(build, fewer)))
    return stack


def _with_fewer(build: Callable[..., Any], fewer: Callable[[int], int]) -> Callable[..., Any]:
    """Stages scale the default steps of a bare configuration; what they ask for in the end is cut."""
    return lambda **fields: build(**fields | ({"steps": fewer(fields["steps"])} if "steps" in fields else {}))


def table(config: AuditConfig, images: int, share: float) -> Iterator[Measured]:
    """A line per kind of stage, the sum, and the peak of the process."""
    with shortened(config.profile, share) if share < 1 else ExitStack():
        seconds, taps = audit(config, images)
    whole = {stage: took / share if stage in TRAINED else took for stage, took in seconds.items()}
    name, total = f"audit, {config.profile}", sum(whole.values())
    note = "" if share == 1 else f", trainings extrapolated from {share:.0%} of their steps"
    target = "≤ 180 s cold" if config.profile is Profile.QUICK else ""
    yield Measured(f"{name}, {images:,} images, {taps} taps", f"{total:.0f} s in one process{note}", target)
    for stage, took in sorted(whole.items(), key=lambda pair: -pair[1]):
        if took >= 0.02 * total:
            marked = " (extrapolated)" if share < 1 and stage in TRAINED else ""
            yield Measured(f"  {stage}", f"{took:.1f} s{marked}")
    yield Measured("  peak memory of the process", f"{peak_gib():.2f} GiB")


def peak_gib() -> float:
    """Largest resident set since the process began, as Linux counts it (KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def bench(threads: int) -> Iterator[Measured]:
    """A quick audit, cold."""
    torch.set_num_threads(threads)
    yield from table(AuditConfig(), len(columns()["images"]), 1.0)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=[profile.value for profile in Profile], default="quick")
    parser.add_argument("--images", type=int, nargs="+", default=[5000], help="several give the cost against n")
    parser.add_argument("--taps", nargs="+", help="names; the audit chooses without")
    parser.add_argument("--steps", type=float, default=1.0, help="share of every training's steps, 0 to 1")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """One table per number of images."""
    options = parse()
    torch.set_num_threads(options.threads)
    config = AuditConfig(profile=Profile(options.profile), taps=options.taps)
    for images in options.images:
        for line in table(config, images, options.steps):
            print(f"{line.what:44} {line.value:60} {line.target}", flush=True)


if __name__ == "__main__":
    main()
