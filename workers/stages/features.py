"""Which features an audit looks at, and how each is read from an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.datasets import AttributeFacts
from schemas.results import Feature, FeatureKind, FeatureSource
from workers.evidence.features import Encoding, FeatureColumn, fit_encoding
from workers.evidence.statistics import STATISTICS, Statistic
from workers.oracles import OracleTarget
from workers.oracles.model import Oracles
from workers.stages.references import References
from workers.stages.stage import StageContext

LABEL = "label"
SAME_THING = 0.9
"""An attribute named like a measured statistic is that statistic when they agree at least this well (R^2)."""

MOST_CATEGORIES = 256
"""As intake has it for attribute columns: beyond it a one-hot column is mostly empty."""

Encoded = NDArray[np.float64]


@dataclass(frozen=True)
class AuditedFeature:
    """A feature, its true values on the references, and how it is read elsewhere.

    ``statistic`` measures and edits it exactly; without one an oracle reads it and the editor INN edits it.
    """

    name: str
    source: FeatureSource
    column: FeatureColumn
    encoding: Encoding
    statistic: Statistic | None = None
    categories: tuple[str, ...] = ()

    def contract(self) -> Feature:
        """As ``result.json`` names it."""
        return Feature(name=self.name, source=self.source, kind=FeatureKind(self.column.kind))

    def show(self, value: float) -> str:
        """A value for people."""
        if self.categories:
            return self.categories[int(value)]
        return f"{value:.3g}" if np.isfinite(value) else "–"


def audited_features(
    references: References, attributes: list[AttributeFacts], classes: list[str] | None
) -> list[AuditedFeature]:
    """Attribute columns, the label, then every measured statistic that exists for these images."""
    found = [_attribute(*pair, references) for pair in zip(attributes, references.columns, strict=True)]
    if references.labels is not None and LABEL not in {feature.name for feature in found}:
        found.extend(_label(references.labels, classes))
    taken = {feature.name for feature in found}
    bound = {feature.statistic.name for feature in found if feature.statistic}
    for statistic in STATISTICS:
        if statistic.name not in bound and statistic.applies(references.images):
            name = statistic.name if statistic.name not in taken else f"measured {statistic.name}"
            found.append(_measured(name, statistic, references))
    return found


def features_of(context: StageContext, references: References) -> list[AuditedFeature]:
    """:func:`audited_features` as the request describes the dataset."""
    attributes = [AttributeFacts.model_validate(facts) for facts in context.config["attributes"]]
    return audited_features(references, attributes, context.config["classes"])


def oracle_targets(features: list[AuditedFeature]) -> list[OracleTarget]:
    """The columns that an oracle must learn to read: those that no statistic measures."""
    return [
        OracleTarget(
            feature.name,
            feature.column.kind,
            feature.column.values,
            feature.column.period or 1.0,
            feature.column.n_categories or 0,
        )
        for feature in features
        if feature.statistic is None
    ]


class Reader:
    """Reads every audited feature from images: measured ones by their formula, the others by the oracles."""

    def __init__(self, features: list[AuditedFeature], oracles: Oracles | None) -> None:
        self.features = features
        self.oracles = oracles

    def encoded(self, images: NDArray[np.uint8]) -> dict[str, Encoded]:
        """Encoded readings ``(n, width)`` by feature name; NaN where a statistic does not exist."""
        learned = self.oracles.read(images) if self.oracles is not None else {}
        return {feature.name: self._encode(feature, images, learned) for feature in self.features}

    def _encode(self, feature: AuditedFeature, images: NDArray[np.uint8], learned: dict[str, Any]) -> Encoded:
        if feature.statistic is not None:
            return feature.encoding.encode(feature.statistic.measure(images))
        reading = learned[feature.name]
        if feature.column.kind == "numeric":
            return feature.encoding.encode(reading)
        if feature.column.kind == "circular":
            return np.asarray(reading / np.maximum(np.linalg.norm(reading, axis=1, keepdims=True), 1e-9), np.float64)
        return feature.encoding.encode(reading.argmax(axis=1))


def _attribute(facts: AttributeFacts, values: NDArray[np.float64], references: References) -> AuditedFeature:
    categories = tuple(facts.categories or ())
    column = FeatureColumn(facts.name, facts.kind.value, values, facts.period, len(categories) or None)
    encoding = fit_encoding(column)
    statistic = _same_statistic(column, encoding, references)
    return AuditedFeature(facts.name, FeatureSource.ATTRIBUTE, column, encoding, statistic, categories)


def _label(labels: NDArray[np.int64], classes: list[str] | None) -> list[AuditedFeature]:
    """The label as a feature: over the classes that occur; nothing when there is one, or too many to tell apart."""
    occurring, codes = np.unique(labels, return_inverse=True)
    if not 2 <= len(occurring) <= MOST_CATEGORIES:
        return []
    named = classes if classes and len(classes) > occurring.max() else None
    names = tuple(named[i] if named else str(i) for i in occurring)
    column = FeatureColumn(LABEL, "categorical", codes.astype(np.float64), None, len(names))
    return [AuditedFeature(LABEL, FeatureSource.ATTRIBUTE, column, fit_encoding(column), None, names)]


def _measured(name: str, statistic: Statistic, references: References) -> AuditedFeature:
    column = FeatureColumn(name, statistic.kind, statistic.measure(references.images), statistic.period)
    return AuditedFeature(name, FeatureSource.MEASURED, column, fit_encoding(column), statistic)


def _same_statistic(column: FeatureColumn, encoding: Encoding, references: References) -> Statistic | None:
    """The statistic that measures this very column, if one does: then its exact edit is the better experiment."""
    for statistic in STATISTICS:
        if statistic.name == column.name and statistic.kind == column.kind and statistic.applies(references.images):
            measured = encoding.encode(statistic.measure(references.images))
            known = np.isfinite(measured).all(axis=1) & column.known
            truth = encoding.encode(column.values)[known]
            error = np.square(measured[known] - truth).sum() / np.square(truth - truth.mean(axis=0)).sum()
            return statistic if error < 1 - SAME_THING and column.period == statistic.period else None
    return None
