"""Bytes in, bytes out: exact, deterministic, and safe to open."""

from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from workers.training.checkpoints import CheckpointError, from_bytes, load_into, to_bytes

STATE = {
    "weight": torch.tensor([[1.5, float("nan")], [float("-inf"), -0.0]]),
    "double": torch.randn(3, dtype=torch.float64),
    "order": torch.randperm(7),
    "flag": torch.tensor(True),
    "empty": torch.zeros(0, 4),
    "half": torch.randn(5).bfloat16(),
    "turned": torch.arange(6).reshape(2, 3).T,
}
HEADER = {"format": "x/1", "nested": {"list": [1, 2.5, None, "ü"]}}


def test_round_trip_bit_for_bit() -> None:
    header, state = from_bytes(to_bytes(STATE, HEADER))
    assert header == HEADER
    assert state.keys() == STATE.keys()
    for name, leaf in STATE.items():
        assert state[name].dtype == leaf.dtype
        assert state[name].shape == leaf.shape
        assert state[name].contiguous().view(torch.uint8).tolist() == _bits(leaf)


def test_same_content_same_bytes_whatever_the_order() -> None:
    backwards = dict(reversed(list(STATE.items())))
    assert to_bytes(backwards, dict(reversed(list(HEADER.items())))) == to_bytes(STATE, HEADER)


def test_tied_weights_are_stored() -> None:
    shared = torch.randn(3)
    _, state = from_bytes(to_bytes({"a": shared, "b": shared}, {}))
    assert torch.equal(state["a"], state["b"])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_read_as_tensors(data: st.DataObject) -> None:
    good = to_bytes({"a": torch.arange(8)}, {"k": 1})
    cut = good[: data.draw(st.integers(0, len(good) - 1))]
    at, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
    flipped = bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(good))
    with pytest.raises(CheckpointError):
        from_bytes(cut)
    try:
        from_bytes(flipped)
    except CheckpointError:
        return
    assert len(flipped) == len(good)


@pytest.mark.parametrize("junk", [b"", b"\0" * 8, b"\xff" * 64, pickle.dumps({"a": 1}), b"PK\x03\x04" + b"\0" * 50])
def test_junk_and_pickles_are_refused(junk: bytes) -> None:
    with pytest.raises(CheckpointError):
        from_bytes(junk)


def test_a_file_without_our_header_is_refused() -> None:
    import safetensors.torch

    with pytest.raises(CheckpointError):
        from_bytes(safetensors.torch.save({"a": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="object"):
        from_bytes(safetensors.torch.save({"a": torch.zeros(1)}, {"header": "[1]"}))


@pytest.mark.parametrize(
    ("change", "leaf"),
    [
        ({"0.weight": torch.zeros(3, 2)}, "0.weight"),
        ({"0.bias": torch.zeros(3, dtype=torch.float64)}, "0.bias"),
        ({"9.extra": torch.zeros(1)}, "9.extra"),
    ],
)
def test_a_leaf_that_does_not_fit_is_named_and_nothing_is_loaded(change: dict[str, torch.Tensor], leaf: str) -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    module[0].weight = nn.Parameter(torch.ones(3, 2))
    state = {name: torch.zeros_like(value) for name, value in module.state_dict().items()}
    bad = state | change
    if leaf == "0.weight":
        bad["0.weight"] = torch.zeros(5, 5)
    with pytest.raises(CheckpointError, match=leaf):
        load_into(module, bad)
    assert torch.equal(module[0].weight, torch.ones(3, 2))


def test_a_missing_leaf_is_named() -> None:
    module = nn.Linear(2, 2)
    with pytest.raises(CheckpointError, match="bias"):
        load_into(module, {"weight": torch.zeros(2, 2)})


def _bits(leaf: torch.Tensor) -> list[int]:
    return leaf.contiguous().view(torch.uint8).tolist()
