"""ONNX Runtime as everything here uses it: options, providers, extra outputs, one forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

CUDA = "CUDAExecutionProvider"
FATAL_LEVEL = 4
NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
               "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_, "tensor(int32)": np.int32,
               "tensor(int64)": np.int64}  # fmt: skip
Feeds = Mapping[str, NDArray[Any]]
"""One batch: the values of every input by name."""


def open_session(model: bytes, threads: int = 1) -> ort.InferenceSession:
    """A session on CUDA where ONNX Runtime has it, on the CPU elsewhere.

    Raises:
        Exception: whatever ONNX Runtime raises for a model that it cannot load.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_LEVEL  # errors arrive as exceptions; the log would repeat them
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other stages share the cores
    return ort.InferenceSession(model, options, providers=providers())


def providers() -> list[str]:
    """CUDA first where it is available."""
    return [CUDA, "CPUExecutionProvider"] if CUDA in ort.get_available_providers() else ["CPUExecutionProvider"]


def with_outputs(model: bytes, tensors: Sequence[str]) -> bytes:
    """The same model with exactly ``tensors`` as outputs."""
    proto = onnx.ModelProto.FromString(model)
    declared = {value.name: onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in proto.graph.output}
    del proto.graph.output[:]
    proto.graph.output.extend(declared.get(name, onnx.ValueInfoProto(name=name)) for name in dict.fromkeys(tensors))
    return bytes(proto.SerializeToString(deterministic=True))


def input_dtype(session: ort.InferenceSession, name: str) -> np.dtype[Any]:
    """NumPy type of the input ``name``.

    Raises:
        KeyError: a type that no image and no graph can have.
    """
    types = {value.name: value.type for value in session.get_inputs()}
    return np.dtype(NUMPY_TYPES[types[name]])


def forward(session: ort.InferenceSession, feeds: Feeds, outputs: Sequence[str]) -> list[NDArray[Any]]:
    """``outputs`` for one batch. On CUDA by IO binding: one copy in, one copy out, none in between."""
    if CUDA not in session.get_providers():
        return list(session.run(list(outputs), dict(feeds)))
    binding = session.io_binding()
    for name, values in feeds.items():
        binding.bind_cpu_input(name, values)
    for name in outputs:
        binding.bind_output(name, "cuda")
    session.run_with_iobinding(binding)
    return list(binding.copy_outputs_to_cpu())
