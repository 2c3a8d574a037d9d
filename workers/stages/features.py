"""Which features an audit looks at, and how each is read from an image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.datasets import AttributeFacts
from schemas.graphs import GraphFacts
from schemas.results import Feature, FeatureKind, FeatureSource
from workers.evidence.features import Encoding, FeatureColumn, fit_encoding
from workers.evidence.graph_statistics import graph_statistics
from workers.evidence.statistics import STATISTICS, Statistic, measure_all
from workers.graphs.packing import is_graph
from workers.oracles import OracleTarget
from workers.oracles.model import Oracles
from workers.stages.factors import Factor, Named, named_factors
from workers.stages.references import References
from workers.stages.stage import StageContext

LABEL = "label"
SAME_THING = 0.9
"""An attribute named like a measured statistic is that statistic when they agree at least this well (R^2)."""

MOST_CATEGORIES = 256
"""As intake has it for attribute columns: beyond it a one-hot column is mostly empty."""

CODED = frozenset({FeatureSource.CONCEPT, FeatureSource.DISCOVERED})
"""Sources of what no column and no formula holds: it is read from codes."""

Encoded = NDArray[np.float64]
Images = NDArray[np.uint8]
Encoder = Callable[[Images], Tensor]
"""Codes ``(n, d)`` of images: how what only codes hold is read from an image again."""

_measured_before: dict[bytes, dict[str, NDArray[np.float64]]] = {}
"""Statistics of the references that this process measured last, by the digest of their pixels."""
_registered_before: dict[bytes, tuple[Statistic, ...]] = {}
"""The registry of the graphs that it looked at last, likewise: which edits are exact takes a second to find."""


@dataclass(frozen=True)
class AuditedFeature:
    """A feature, its true values on the references, and how it is read elsewhere.

    ``statistic`` measures it exactly (and changes it, where it is ``transformed``), and ``measured`` holds it of the
    references. Without one an oracle reads an attribute; without a transform the editor INN edits it. ``factor`` is the
    part of the codes that carries the feature, where one was fitted: a second way to edit an attribute, and the only
    way to read and edit what no column names.
    """

    name: str
    source: FeatureSource
    column: FeatureColumn
    encoding: Encoding
    statistic: Statistic | None = None
    categories: tuple[str, ...] = ()
    factor: Factor | None = None
    measured: NDArray[np.float64] | None = None

    @property
    def learned(self) -> bool:
        """Whether an oracle must learn to read it."""
        return self.source is FeatureSource.ATTRIBUTE and self.statistic is None

    @property
    def transformed(self) -> bool:
        """Whether a formula changes it exactly."""
        return self.statistic is not None and self.statistic.edit is not None

    @property
    def told(self) -> bool:
        """Whether the editor is told it: every attribute column, and all that is counted of graphs.

        Counts that a transform changes too: an edit of another count must leave them alone.
        """
        return self.source is FeatureSource.ATTRIBUTE or (self.statistic is not None and self.statistic.equals)

    def contract(self) -> Feature:
        """As ``result.json`` names it."""
        return Feature(name=self.name, source=self.source, kind=FeatureKind(self.column.kind))

    def show(self, value: float) -> str:
        """A value for people."""
        if self.categories:
            return self.categories[int(value)]
        return f"{value:.3g}" if np.isfinite(value) else "–"


def audited_features(
    references: References, attributes: list[AttributeFacts], classes: list[str] | None, graph: GraphFacts | None = None
) -> list[AuditedFeature]:
    """Attribute columns, the label, then every measured statistic that exists for these images (or graphs)."""
    registry = statistics_of(references.images, graph)
    measured = _measure(references.images, registry)
    usable = [one for one in registry if one.name in measured]
    found = [_attribute(*pair, usable, measured) for pair in zip(attributes, references.columns, strict=True)]
    if references.labels is not None and LABEL not in {feature.name for feature in found}:
        found.extend(_label(references.labels, classes))
    bound = {feature.statistic.name for feature in found if feature.statistic}
    for statistic in usable:
        if statistic.listed and statistic.name not in bound:
            found.append(_statistic(_free(statistic.name, "measured", found), statistic, measured[statistic.name]))
    return found


def statistics_of(images: Images, graph: GraphFacts | None = None) -> tuple[Statistic, ...]:
    """What can be measured of images, or of packed graphs; ``graph`` says what their features are called."""
    if not is_graph(images):
        return STATISTICS
    names = () if graph is None else (graph.node_names, graph.edge_names)
    key = _digest(images, names)
    if key not in _registered_before:
        _registered_before.clear()
        _registered_before[key] = graph_statistics(images, *names)
    return _registered_before[key]


def features_of(context: StageContext, references: References) -> list[AuditedFeature]:
    """:func:`audited_features` as the request describes the dataset, and what only factors of the codes hold.

    A stage whose inputs hold ``concepts`` or ``discovered`` gets one feature per concept that examples define and per
    discovered direction, and the factors of its attribute columns.
    """
    attributes = [AttributeFacts.model_validate(facts) for facts in context.config["attributes"]]
    graph = context.config.get("graph")
    described = None if graph is None else GraphFacts.model_validate(graph)
    found = audited_features(references, attributes, context.config["classes"], described)
    named = named_factors(context)
    return with_factors(found, named, torch.from_numpy(context.arrays("codes")["means"])) if named else found


def with_factors(features: list[AuditedFeature], named: Sequence[Named], codes: Tensor) -> list[AuditedFeature]:
    """``features`` with the factors that carry them; a factor that carries none becomes a feature of its own.

    Its values are those that it reads from the references' ``codes (n, d)``.
    """
    carried = {one.name: one.factor for one in named if one.source is FeatureSource.ATTRIBUTE}
    found = [replace(f, factor=carried.get(f.name)) if f.source == "attribute" else f for f in features]
    for one in named:
        if one.source is not FeatureSource.ATTRIBUTE:
            values = one.factor.read(codes)
            column = FeatureColumn(
                _free(one.name, one.source.value, found), "vector" if values.ndim == 2 else "numeric", values
            )
            found.append(AuditedFeature(column.name, one.source, column, fit_encoding(column), factor=one.factor))
    return found


def oracle_targets(features: list[AuditedFeature]) -> list[OracleTarget]:
    """The columns that an oracle must learn to read: attributes that no statistic measures."""
    return [
        OracleTarget(
            feature.name, feature.column.kind, feature.column.values, feature.column.period or 1.0,
            feature.column.n_categories or 0,
        )
        for feature in features
        if feature.learned and feature.column.kind != "vector"
    ]  # fmt: skip


class Reader:
    """Reads audited features from images: measured ones by their formula, attributes by the oracles.

    What only codes hold is read by encoding the image again.
    """

    def __init__(self, features: list[AuditedFeature], oracles: Oracles | None, encoder: Encoder | None = None) -> None:
        self.features = features
        self.oracles = oracles
        self.encoder = encoder

    def encoded(self, images: Images, features: Sequence[AuditedFeature] | None = None) -> dict[str, Encoded]:
        """Encoded readings ``(n, width)`` by feature name, of all features or of some; NaN where there is no value.

        Raises:
            ValueError: a feature has to be read from codes, and there is no encoder.
        """
        wanted = self.features if features is None else features
        read = self.oracles is not None and any(feature.learned for feature in wanted)
        learned = self.oracles.read(images) if self.oracles is not None and read else {}
        coded = [feature for feature in wanted if feature.source in CODED]
        codes = self._codes(images) if coded else None
        return {feature.name: self._encode(feature, images, learned, codes) for feature in wanted}

    def _codes(self, images: Images) -> Tensor:
        if self.encoder is None:
            raise ValueError("features that only codes hold need an encoder to be read from images")
        return self.encoder(images)

    def _encode(
        self, feature: AuditedFeature, images: Images, learned: dict[str, Any], codes: Tensor | None
    ) -> Encoded:
        if feature.statistic is not None:
            return feature.encoding.encode(feature.statistic.measure(images))
        if feature.factor is not None and codes is not None and feature.source in CODED:
            return feature.encoding.encode(feature.factor.read(codes))
        reading = learned[feature.name]
        if feature.column.kind == "numeric":
            return feature.encoding.encode(reading)
        if feature.column.kind == "circular":
            return np.asarray(reading / np.maximum(np.linalg.norm(reading, axis=1, keepdims=True), 1e-9), np.float64)
        return feature.encoding.encode(reading.argmax(axis=1))


def _measure(images: Images, registry: Sequence[Statistic]) -> dict[str, NDArray[np.float64]]:
    """:func:`measure_all`, once per process for the same images: every stage of an audit asks for it."""
    key = _digest(images, [one.name for one in registry])
    if key not in _measured_before:
        _measured_before.clear()
        _measured_before[key] = measure_all(images, registry)
    return _measured_before[key]


def _digest(images: Images, asked: Sequence[object]) -> bytes:
    """Of the pixels, and of what is asked of them."""
    found = hashlib.sha256(repr((images.shape, asked)).encode())
    found.update(np.ascontiguousarray(images).data)
    return found.digest()


def _free(name: str, prefix: str, features: list[AuditedFeature]) -> str:
    """``name``, or with a prefix (and as many more as it takes) when a feature is called so already."""
    taken = {feature.name for feature in features}
    while name in taken:
        name = f"{prefix} {name}"
    return name


def _attribute(
    facts: AttributeFacts, values: NDArray[np.float64], registry: Sequence[Statistic],
    measured: dict[str, NDArray[np.float64]],
) -> AuditedFeature:  # fmt: skip
    counted = _counted(facts, values, registry, measured)
    if counted is not None:
        return replace(_statistic(facts.name, counted, measured[counted.name]), source=FeatureSource.ATTRIBUTE)
    categories = tuple(facts.categories or ())
    column = FeatureColumn(facts.name, facts.kind.value, values, facts.period, len(categories) or None)
    encoding = fit_encoding(column)
    statistic = _same_statistic(column, encoding, registry, measured)
    readings = None if statistic is None else measured[statistic.name]
    return AuditedFeature(facts.name, FeatureSource.ATTRIBUTE, column, encoding, statistic, categories, None, readings)


def _counted(
    facts: AttributeFacts, values: NDArray[np.float64], registry: Sequence[Statistic],
    measured: dict[str, NDArray[np.float64]],
) -> Statistic | None:  # fmt: skip
    """The count that a column holds, if it is one for every graph; counts that intake took for categories too.

    It is numeric then: the order of its values means something.
    """
    numbers = values
    if facts.categories is not None:
        if not all(name.removeprefix("-").isdecimal() for name in facts.categories):
            return None
        numbers = np.array([float(name) for name in facts.categories])[values.astype(np.int64)]
    elif facts.period is not None:
        return None
    return next((one for one in registry if one.equals and np.allclose(measured[one.name], numbers)), None)


def _label(labels: NDArray[np.int64], classes: list[str] | None) -> list[AuditedFeature]:
    """The label as a feature: over the classes that occur; nothing when there is one, or too many to tell apart."""
    occurring, codes = np.unique(labels, return_inverse=True)
    if not 2 <= len(occurring) <= MOST_CATEGORIES:
        return []
    named = classes if classes and len(classes) > occurring.max() else None
    names = tuple(named[i] if named else str(i) for i in occurring)
    column = FeatureColumn(LABEL, "categorical", codes.astype(np.float64), None, len(names))
    return [AuditedFeature(LABEL, FeatureSource.ATTRIBUTE, column, fit_encoding(column), None, names)]


def _statistic(name: str, statistic: Statistic, values: NDArray[np.float64]) -> AuditedFeature:
    column = FeatureColumn(name, statistic.kind, values, statistic.period)
    return AuditedFeature(name, FeatureSource.MEASURED, column, fit_encoding(column), statistic, measured=values)


def _same_statistic(
    column: FeatureColumn, encoding: Encoding, registry: Sequence[Statistic], measured: dict[str, NDArray[np.float64]]
) -> Statistic | None:
    """The statistic that measures this very column, if one does: then its exact edit is the better experiment."""
    for statistic in registry:
        if statistic.name == column.name and statistic.kind == column.kind:
            read = encoding.encode(measured[statistic.name])
            known = np.isfinite(read).all(axis=1) & column.known
            truth = encoding.encode(column.values)[known]
            error = np.square(read[known] - truth).sum() / np.square(truth - truth.mean(axis=0)).sum()
            return statistic if error < 1 - SAME_THING and column.period == statistic.period else None
    return None
