"""What the dispatcher and the workers exchange: a stage is a pure step keyed by the digest of its inputs."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from .audits import AuditConfig
from .autoencoders import Autoencoder
from .classifiers import Classifier
from .datasets import Dataset
from .policies import Policy
from .scalars import Contract, Identifier, Name, Sha256

STAGE_CODE_VERSION = "4"
"""Raised when a stage's numbers change: old outputs are then not reused."""


class StageRequest(Contract):
    """One step, fully resolved.

    ``name`` is ``stage`` or ``stage:tap``; ``inputs`` maps a name to the digest of an earlier output.
    """

    name: str
    inputs: dict[str, Sha256]
    config: dict[str, Any]
    seed: int

    @property
    def key(self) -> Sha256:
        """Digest of everything that decides the output. Two requests with one key have one output."""
        payload = {"version": STAGE_CODE_VERSION, **self.model_dump(mode="json")}
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


class StageOutcome(Contract):
    """What a stage left behind: named blobs, a few numbers, how long it took, and whether it had been there before."""

    key: Sha256
    outputs: dict[str, Sha256]
    summary: dict[str, Any] = {}
    seconds: float = 0.0
    reused: bool = False


class Source(Contract):
    """Where a planned stage takes an input from: ``output`` of the stage ``stage`` of the same audit."""

    stage: str
    output: str


class PlannedStage(Contract):
    """A step whose inputs may not exist yet. ``inputs`` holds digests (uploads) and sources (earlier stages).

    ``name`` is unique in the audit; ``runs`` is the step's own name where that differs (``latents`` of a second
    classifier is the stage ``latents@1`` of this audit), so that audits share outputs whatever they call a step.
    ``weight`` is the expected share of the audit's time, for the progress bar; ``cpus`` and ``gpus`` are what Ray
    reserves (fractions share a GPU). ``title`` is for people.
    """

    name: str
    title: str
    inputs: dict[str, Sha256 | Source]
    config: dict[str, Any] = {}
    seed: int = 0
    weight: float = 1.0
    cpus: float = 1.0
    gpus: float = 0.0
    runs: str | None = None

    def resolve(self, done: dict[str, StageOutcome]) -> StageRequest | None:
        """The request, or ``None`` while an input is still missing.

        Raises:
            KeyError: a finished stage did not leave the output that this one needs.
        """
        inputs: dict[str, str] = {}
        for name, source in self.inputs.items():
            if isinstance(source, str):
                inputs[name] = source
            elif source.stage not in done:
                return None
            else:
                inputs[name] = done[source.stage].outputs[source.output]
        return StageRequest(name=self.runs or self.name, inputs=inputs, config=self.config, seed=self.seed)


class AuditSubject(Contract):
    """What an audit is about, as its plan sees it. Both files passed intake: their ``facts`` are there.

    ``baseline`` is the ``result.json`` of the earlier audit that the rules of ``policy`` speak of.
    """

    audit_id: Identifier
    name: Name
    created_at: datetime
    attempt: int
    config: AuditConfig
    classifier: Classifier
    dataset: Dataset
    against: list[Classifier] = []
    """Other classifiers on the same images, in the order of ``config.against``."""
    outside: Dataset | None = None
    autoencoder: Autoencoder | None = None
    policy: Policy | None = None
    baseline: Sha256 | None = None
