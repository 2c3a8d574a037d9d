"""Manifests against Kubernetes' own schemas, strictly, and RayClusters against KubeRay's where its CRD is at hand.

The CRD is 0.9 MB of KubeRay and not part of this repository. ``SCOTOMA_KUBERAY_CRD`` names a copy of
``helm-chart/kuberay-operator/crds/ray.io_rayclusters.yaml`` (KubeRay 1.7.0, Apache-2.0). Without it, the outside of a
RayCluster is checked against the fields this chart uses, and its pods against Kubernetes' schema of pods.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from .charts import Manifest

OLDEST, NEWEST = "1.25", "1.37"
MONITORING = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
"""Resources of the Prometheus operator: no schema at hand; test_chart_monitoring.py looks at them."""
CRD_VARIABLE = "SCOTOMA_KUBERAY_CRD"


def check(manifest: Manifest, version: str = NEWEST) -> None:
    """Validate one manifest.

    Raises:
        ValidationError: it is not what Kubernetes accepts.
    """
    if manifest["kind"] == "RayCluster":
        check_ray_cluster(manifest, version)
    elif manifest["kind"] not in MONITORING:
        _check_once(json.dumps(manifest), version)


@cache
def _check_once(manifest: str, version: str) -> None:
    """Most manifests come again and again, and the validator reads its schemas anew each time."""
    kubernetes_validate.validate(json.loads(manifest), version, strict=True)


def check_ray_cluster(manifest: Manifest, version: str = NEWEST) -> None:
    """Validate the outside against the chart's fields, and each pod as the template of a Deployment.

    Raises:
        ValidationError: a field is unknown or of the wrong type.
    """
    jsonschema.validate(manifest, RAY_CLUSTER)
    spec = manifest["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        template = {**group["template"], "metadata": {"labels": {"a": "b"}, **group["template"]["metadata"]}}
        carrier = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": carrier}
        _check_once(json.dumps(deployment), version)


def crd_path() -> Path | None:
    """The CRD that the environment names."""
    named = os.environ.get(CRD_VARIABLE)
    return Path(named) if named else None


@cache
def crd_schema(path: Path) -> dict[str, Any]:
    """The schema of ``ray.io/v1`` in a CRD, closed: what it does not name is refused (``--validate=strict``)."""
    crd = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (schema,) = [v["schema"]["openAPIV3Schema"] for v in crd["spec"]["versions"] if v["name"] == "v1"]
    closed: dict[str, Any] = _closed(json.loads(json.dumps(schema)))
    closed["properties"]["metadata"] = {"type": "object"}
    return closed


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    if closed.pop("x-kubernetes-int-or-string", False):
        closed.pop("anyOf", None)
        closed["type"] = ["integer", "string"]
    return closed


def _object(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": sorted(properties) if required is None else required,
    }


_STRING, _NUMBER, _FREE = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "object"}
_START = {"type": "object", "additionalProperties": _STRING}
_REFERENCE = _object(valueFrom=_object(secretKeyRef=_object(name=_STRING, key=_STRING)))
_GROUP = _object(
    groupName=_STRING, replicas=_NUMBER, minReplicas=_NUMBER, maxReplicas=_NUMBER, rayStartParams=_START, template=_FREE
)
RAY_CLUSTER = _object(
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayCluster"},
    metadata=_FREE,
    spec=_object(
        ["rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"],
        rayVersion=_STRING,
        authOptions=_object(["mode"], mode={"enum": ["token", "disabled"]}, secretName=_STRING),
        enableInTreeAutoscaling={"type": "boolean"},
        autoscalerOptions=_object(
            version={"enum": ["v1", "v2"]},
            idleTimeoutSeconds=_NUMBER,
            upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
            resources=_FREE,
            securityContext=_FREE,
            volumeMounts={"type": "array"},
        ),
        gcsFaultToleranceOptions=_object(["redisAddress"], redisAddress=_STRING, redisPassword=_REFERENCE),
        headGroupSpec=_object(rayStartParams=_START, template=_FREE),
        workerGroupSpecs={"type": "array", "minItems": 1, "items": _GROUP},
    ),
)
"""The part of KubeRay's RayCluster that this chart writes."""
