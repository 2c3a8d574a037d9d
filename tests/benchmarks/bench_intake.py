"""Intake of the demo's files in the sandbox, from bytes to canonical bytes."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.demo.__main__ import HUE
from workers.intake import intake_classifier, intake_dataset

from .demo import SPEC, classifier_file, dataset_file
from .measurement import Measured, seconds


def bench(threads: int) -> Iterator[Measured]:
    """Seconds of either, the sandboxed process included."""
    model, data = classifier_file(), dataset_file()
    took = seconds(lambda: intake_classifier(model, SPEC), 2)
    yield Measured("intake, demo classifier", f"{took:.2f} s for {len(model) / 1e3:,.0f} kB")
    took = seconds(lambda: intake_dataset(data, "digits.npz", HUE), 2)
    yield Measured("intake, demo dataset", f"{took:.2f} s for {len(data) / 1e6:.1f} MB")
