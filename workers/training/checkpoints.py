"""Weights as bytes: safetensors with a JSON header in its metadata. Never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

_HEADER = "header"


class CheckpointError(ValueError):
    """The bytes are no checkpoint, or they do not fit the module; the message names the leaf."""


def to_bytes(state: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """Serialise tensors and a JSON header; the same input gives the same bytes.

    Args:
        state: leaves by name, as from ``module.state_dict()``; moved to the CPU.
        header: JSON-serialisable description (architecture, versions).

    Raises:
        TypeError: the header holds something JSON cannot.
    """
    tensors = {name: leaf.detach().cpu().contiguous().clone() for name, leaf in sorted(state.items())}
    return bytes(safetensors.torch.save(tensors, {_HEADER: json.dumps(header, sort_keys=True)}))


def from_bytes(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Inverse of :func:`to_bytes`: ``(header, state)``, bit for bit.

    Raises:
        CheckpointError: the bytes are cut, damaged, or hold no header.
    """
    try:
        state = safetensors.torch.load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_HEADER])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"not a checkpoint: {error}") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"the header must be an object, found {type(header).__name__}")
    return header, state


def load_into(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy ``state`` into ``module``; nothing is copied unless every leaf fits.

    Raises:
        CheckpointError: a leaf is missing, unknown, or of another shape or dtype.
    """
    own = module.state_dict()
    for name in sorted(own.keys() | state.keys()):
        _require_same(name, own.get(name), state.get(name))
    module.load_state_dict(dict(state))


def _require_same(name: str, wanted: Tensor | None, found: Tensor | None) -> None:
    if wanted is None:
        raise CheckpointError(f"leaf {name!r} is not part of the module")
    if found is None:
        raise CheckpointError(f"leaf {name!r} is missing from the checkpoint")
    if wanted.shape != found.shape or wanted.dtype != found.dtype:
        raise CheckpointError(
            f"leaf {name!r}: the module needs {tuple(wanted.shape)} {wanted.dtype}, "
            f"the checkpoint holds {tuple(found.shape)} {found.dtype}"
        )
