"""The two audits of a comparison, each opened as its own stages would open it, and their images paired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.problems import ErrorCode
from schemas.results import AuditResult, Finding
from schemas.stages import StageRequest
from workers.classifier.selection import Tap
from workers.errors import StageError
from workers.intake.reference import load_dataset
from workers.stages.classifying import load_taps
from workers.stages.decoding import Studio, open_studio
from workers.stages.features import CODED, AuditedFeature
from workers.stages.gates import SECOND_OPINION
from workers.stages.references import choose
from workers.stages.stage import Arrays, StageContext

Rows = NDArray[np.int64]
NETWORKS = ("autoencoder", "oracles", "editor", "concepts", "discovered")
"""What edits of the code rest on: two audits edit alike where these are the same, byte for byte."""


@dataclass(frozen=True)
class Side:
    """One audit. ``result``: what it said; ``references (n,)``: the rows of the dataset that it looked at, in order."""

    name: str
    context: StageContext
    result: AuditResult
    references: Rows

    @cached_property
    def studio(self) -> Studio:
        """Its references, features, decoder and classifier."""
        return open_studio(self.context)

    @cached_property
    def features(self) -> dict[str, AuditedFeature]:
        """By name."""
        return {feature.name: feature for feature in self.studio.features}

    @cached_property
    def taps(self) -> dict[str, Tap]:
        """By name."""
        return {tap.name: tap for tap in load_taps(self.context)}

    @property
    def latents(self) -> Arrays:
        """What the stage ``latents`` left."""
        return self.context.arrays("latents")

    @property
    def effects(self) -> Arrays:
        """What the stage ``effects`` left."""
        return self.context.arrays("effects")

    @cached_property
    def evidence(self) -> dict[str, Any]:
        """What the stage ``evidence`` left: it goes with the numbers that are compared."""
        return dict(self.context.json("evidence"))

    @cached_property
    def findings(self) -> dict[tuple[str, str], Finding]:
        """Of the stage ``evidence``, by feature and tap: those of the result, unless code or networks have changed."""
        found = (Finding.model_validate(one) for one in self.evidence["findings"])
        return {(one.feature, one.tap): one for one in found}

    @cached_property
    def failed(self) -> list[str]:
        """Names of the gates and controls that failed, of the same source as the numbers; no second opinions."""
        checks = [*self.evidence["gates"], *self.evidence["controls"]]
        return [one["name"] for one in checks if not one["passed"] and one["name"] not in SECOND_OPINION]

    @property
    def refitted(self) -> bool:
        """Whether its report was written from other evidence: what it had fitted was gone, or code has changed."""
        published = self.result.audit.artifacts.get("evidence", "")
        return published.rpartition("/")[2] != self.context.request.inputs["evidence"]

    def edited(self, feature: AuditedFeature) -> Rows:
        """The rows of the dataset that ``feature`` was edited in: images in which a formula finds none are left out."""
        rows = self.effects["rows"]
        if feature.transformed and feature.measured is not None:
            rows = rows[np.isfinite(feature.measured[rows])]
        return self.references[rows]


@dataclass(frozen=True)
class Sides:
    """Both audits."""

    before: Side
    after: Side

    def __iter__(self) -> Iterator[Side]:
        return iter((self.before, self.after))

    @property
    def features(self) -> list[str]:
        """Names of the features that both have, in the order of the first audit.

        What nobody named is one thing in both only where one network found it.
        """
        alike = self.alike("discovered")
        return [
            name for name, one in self.before.features.items()
            if name in self.after.features and one.source == self.after.features[name].source
            and (alike or one.source != "discovered")
        ]  # fmt: skip

    @property
    def taps(self) -> list[str]:
        """Names of the taps that both have, of one shape, by depth; the logits last, whatever their number."""
        others = self.after.taps
        return [
            name for name, one in self.before.taps.items()
            if name in others and (one.kind == "logits" or one.shape == others[name].shape)
        ]  # fmt: skip

    def alike(self, network: str) -> bool:
        """Whether both audits used the very same ``network``."""
        first, second = (side.context.request.inputs.get(network) for side in self)
        return first == second

    @property
    def one_machinery(self) -> bool:
        """Whether both edit codes by the same networks."""
        return all(self.alike(network) for network in NETWORKS)

    def comparable(self, feature: str) -> bool:
        """Whether both change and read ``feature`` alike: by a formula, or by the same networks."""
        exact = all(side.features[feature].transformed for side in self)
        return self.one_machinery or (exact and self.before.features[feature].source not in CODED)


def open_sides(context: StageContext) -> Sides:
    """Both audits of a request whose inputs are called ``before/…`` and ``after/…``, its configuration likewise.

    Raises:
        StageError: they are not of the same images, or a classifier cannot be opened.
    """
    inputs = context.request.inputs
    if inputs["before/dataset"] != inputs["after/dataset"]:
        raise StageError(
            ErrorCode.AUDITS_NOT_COMPARABLE, "the two audits looked at different images",
            "Audit both classifiers on one dataset.",
        )  # fmt: skip
    available = len(load_dataset(context.blob("before/dataset")))
    return Sides(*(_open(context, name, available) for name in ("before", "after")))


def _open(context: StageContext, name: str, available: int) -> Side:
    prefix, config = f"{name}/", dict(context.config[name])
    own = {key.removeprefix(prefix): digest for key, digest in context.request.inputs.items() if key.startswith(prefix)}
    request = StageRequest(name=context.request.name, inputs=own, config=config, seed=config["seed"])
    alone = replace(context, request=request, opened={})
    result = AuditResult.model_validate_json(alone.blob("result"))
    return Side(name, alone, result, choose(available, alone.budget.images, request.seed))


def matched(before: Rows, after: Rows) -> tuple[Rows, Rows]:
    """Where images are that both have: places in ``before`` and in ``after``, pair by pair."""
    _, first, second = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    return first.astype(np.int64), second.astype(np.int64)
