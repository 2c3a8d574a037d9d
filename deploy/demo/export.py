"""ONNX files of torch modules, as the demo and the examples upload them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

EXPORTER = "torch.onnx._internal.exporter._registration"
"""Its logger warns of every operator of torchvision where that is not installed; no model here has one."""
NOISE = (
    (FutureWarning, r"`isinstance\(treespec, LeafSpec\)` is deprecated"),
    (UserWarning, r"# The axis name: batch will not be used"),
)
"""Warnings that torch raises at its own code, and at names that several inputs share on purpose."""


def write_onnx(net: nn.Module, shown: Sequence[Tensor], path: Path, input_names: Sequence[str]) -> None:
    """Write ``net`` as a self-contained ONNX file with a dynamic batch and the output ``logits``.

    Args:
        net: called with ``shown``.
        shown: one batch of every input.
        path: of the file.
        input_names: of each input, in the order of ``shown``.
    """
    batch = torch.export.Dim("batch")
    with _quiet():
        torch.onnx.export(
            net, tuple(shown), str(path), input_names=list(input_names), output_names=["logits"],
            dynamic_shapes=tuple({0: batch} for _ in shown), external_data=False, dynamo=True, verbose=False,
        )  # fmt: skip
    proto = onnx.load(path)
    proto.ClearField("doc_string")
    for node in proto.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    onnx.save(proto, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the messages that say nothing about the model; all others are shown."""
    logger = logging.getLogger(EXPORTER)
    level = logger.level
    with warnings.catch_warnings():
        for category, message in NOISE:
            warnings.filterwarnings("ignore", message, category)
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
