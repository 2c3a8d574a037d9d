"""What a stage gets and what it leaves: blobs in, blobs out, keyed by digest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from schemas.ports import BlobStore, ReportProgress
from schemas.stages import StageOutcome, StageRequest
from workers.figures import graphs_with
from workers.stages.profiles import Budget, budget_for
from workers.tensors import generator_for

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class StageContext:
    """One run of one stage: its request, where blobs live, and how to say how far it is."""

    request: StageRequest
    store: BlobStore
    report: ReportProgress
    opened: dict[str, Arrays] = field(default_factory=dict, repr=False, compare=False)
    """Inputs read so far: each is fetched and parsed once per run, however many functions ask for it."""

    @property
    def config(self) -> dict[str, Any]:
        """The stage's own configuration."""
        return self.request.config

    @property
    def budget(self) -> Budget:
        """What the audit's profile allows."""
        return budget_for(self.config["profile"])

    @property
    def device(self) -> torch.device:
        """The GPU where there is one, else the CPU."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def blob(self, name: str) -> bytes:
        """The bytes of input ``name``.

        Raises:
            KeyError: the request has no such input.
        """
        return self.store.get(self.request.inputs[name])

    def arrays(self, name: str) -> Arrays:
        """Input ``name`` as named arrays."""
        if name not in self.opened:
            self.opened[name] = load_arrays(self.blob(name))
        return dict(self.opened[name])

    def json(self, name: str) -> Any:
        """Input ``name`` as JSON."""
        return json.loads(self.blob(name))

    def generator(self, *path: str | int) -> torch.Generator:
        """A torch generator for one purpose of this stage."""
        return generator_for(self.request.seed, self.request.name, *path)

    def shared_generator(self, *path: str | int) -> torch.Generator:
        """A generator that is the same in every stage that asks for the same purpose."""
        return generator_for(self.request.seed, *path)

    def rng(self, *path: str | int) -> np.random.Generator:
        """A numpy generator for one purpose of this stage."""
        return np.random.default_rng(self.generator(*path).initial_seed())


@dataclass(frozen=True)
class Produced:
    """What a stage leaves: named blobs, and a summary of a few numbers that travels with the outcome."""

    outputs: dict[str, bytes]
    summary: dict[str, Any] = field(default_factory=dict)


StageFunction = Callable[[StageContext], Produced]


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as safetensors bytes: the same arrays give the same bytes."""
    return save_arrays({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def pack_json(value: Any) -> bytes:
    """A JSON value as canonical bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def run_stage(function: StageFunction, request: StageRequest, store: BlobStore, report: ReportProgress) -> StageOutcome:
    """Run ``function`` and store what it leaves, blobs first; the outcome names them by digest."""
    started = time.perf_counter()
    with graphs_with(_edge_features(request)):
        produced = function(StageContext(request, store, report))
    outputs = {name: store.put(data) for name, data in produced.outputs.items()}
    return StageOutcome(
        key=request.key, outputs=outputs, summary=produced.summary, seconds=time.perf_counter() - started
    )


def _edge_features(request: StageRequest) -> int | None:
    """How many a classifier of graphs reads, where the stage has one."""
    graph = (request.config.get("facts") or {}).get("graph")
    return None if graph is None else int(graph["edge_features"])
