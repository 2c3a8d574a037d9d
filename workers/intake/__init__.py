"""Intake of untrusted files, in a disposable sandboxed process."""

from .entrypoints import intake_autoencoder, intake_classifier, intake_dataset
from .limits import DatasetCaps, Limits, ModelCaps
from .reference import ReferenceData, dump_dataset, load_dataset

__all__ = [
    "DatasetCaps", "Limits", "ModelCaps", "ReferenceData", "dump_dataset", "intake_autoencoder", "intake_classifier",
    "intake_dataset", "load_dataset",
]  # fmt: skip
