"""The Helm chart, rendered by Helm's own engine, and its manifests in handy forms."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/scotoma"
RELEASE, NAMESPACE = "rel", "ns"
FULLNAME = "rel-scotoma"

Values = dict[str, Any]
Manifest = dict[str, Any]

EXTERNAL: Values = {"database": {"existingSecret": "db"}, "s3": {"endpoint": "https://s3.test", "existingSecret": "s3"}}
"""The smallest values of a real installation."""
BUNDLED: Values = {
    "postgresql": {"bundled": True, "existingSecret": "pg"},
    "s3": {"bundled": True, "existingSecret": "s3"},
}
EVERYTHING: Values = {
    "api": {
        "autoscaling": {"enabled": True},
        "ingress": {"enabled": True, "host": "scotoma.test", "tlsSecret": "tls"},
    },
    "ray": {
        "gpu": {"enabled": True},
        "gcs": {"redisAddress": "redis:6380", "existingSecret": "redis"},
        "auth": {"existingSecret": "ray-token"},
        "runtimeClassName": "gvisor",
    },
    "networkPolicy": {"monitoring": {"from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]}},
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}


@cache
def _chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def merged(*layers: Values) -> Values:
    """The layers on top of each other, as ``helm -f a -f b`` does it."""
    result: Values = {}
    for layer in layers:
        _merge(result, copy.deepcopy(layer))
    return result


def _merge(below: Values, above: Values) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _merge(below[key], value)
        else:
            below[key] = value


def at(path: str, value: Any) -> Values:
    """Values that set only ``path`` (``a.b.c``)."""
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def lint(values: Values) -> list[dict[str, Any]]:
    """Helm's own complaints, warnings included."""
    report = helm_python.lint(CHART, values, strict=True, namespace=NAMESPACE)
    return [message for message in report["messages"] if message["severity"] > 1]


def texts(values: Values, **options: Any) -> dict[str, str]:
    """Rendered files by their name below ``templates/``; the values are checked against the schema first.

    Raises:
        HelmError: the values are refused.
    """
    chart = _chart()
    chart.validate_schema(values)
    rendered = chart.render(values, name=RELEASE, namespace=NAMESPACE, **options)
    return {name.removeprefix("scotoma/templates/"): text for name, text in rendered.items()}


def manifests(values: Values, **options: Any) -> list[Manifest]:
    """Every resource."""
    found = []
    for name, text in texts(values, **options).items():
        if name.endswith(".yaml"):
            found += [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]
    return found


def of_kind(documents: list[Manifest], kind: str) -> list[Manifest]:
    """Resources of one kind."""
    return [document for document in documents if document["kind"] == kind]


def named(documents: list[Manifest], kind: str, suffix: str) -> Manifest:
    """The resource ``<fullname>-<suffix>`` of a kind."""
    name = f"{FULLNAME}-{suffix}" if suffix else FULLNAME
    (found,) = [document for document in of_kind(documents, kind) if document["metadata"]["name"] == name]
    return found


def pod_templates(documents: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod that comes to be: of workloads, of Ray's groups, and the bare one of the test."""
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield name, document["spec"]["template"]
        elif document["kind"] == "Pod":
            yield name, document
        elif document["kind"] == "RayCluster":
            yield f"{name}/head", document["spec"]["headGroupSpec"]["template"]
            for group in document["spec"]["workerGroupSpecs"]:
                yield f"{name}/{group['groupName']}", group["template"]
