"""Every value does what it says, what it makes is accepted by Kubernetes, and nothing else is accepted by the chart."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from helm_python import HelmError

from tests.builders import kubernetes_schemas as schemas
from tests.builders.chart_toggles import TOGGLES, Toggle
from tests.builders.charts import BUNDLED, CHART, EVERYTHING, EXTERNAL, ROOT, Values, at, manifests, merged, texts

ALL = merged(EXTERNAL, EVERYTHING)


@cache
def readme() -> Any:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "helm/readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = readme().leaves((CHART / "values.yaml").read_text())
    return found


def resources(values: Values) -> str:
    return "\n".join(text for name, text in sorted(texts(values).items()) if name.endswith(".yaml"))


def test_every_value_is_toggled() -> None:
    assert sorted(toggle.path for toggle in TOGGLES) == sorted(path for path, _, _ in leaves())


@pytest.mark.parametrize("toggle", TOGGLES, ids=lambda toggle: toggle.path)
def test_a_value_does_what_it_says(toggle: Toggle) -> None:
    values = merged(toggle.base, at(toggle.path, toggle.value))
    after = resources(values)
    if toggle.shows:
        assert toggle.shows in after
    if toggle.hides:
        assert toggle.hides not in after
    before = _refused_or_rendered(toggle.base)
    assert after != before
    for line in toggle.shows.splitlines()[:1]:
        assert after.count(line) > before.count(line)
    for manifest in manifests(values):
        schemas.check(manifest)


def _refused_or_rendered(values: Values) -> str:
    """Some bases are incomplete without the value in question."""
    try:
        return resources(values)
    except HelmError:
        return ""


@pytest.mark.parametrize("version", [schemas.OLDEST, schemas.NEWEST])
@pytest.mark.parametrize("values", [EXTERNAL, BUNDLED, ALL, merged(BUNDLED, EVERYTHING)])
def test_kubernetes_takes_every_manifest(values: Values, version: str) -> None:
    for manifest in manifests(values):
        schemas.check(manifest, version)


@pytest.mark.parametrize("values", [EXTERNAL, BUNDLED, ALL])
def test_kuberay_takes_the_cluster(values: Values) -> None:
    crd = schemas.crd_path()
    if crd is None:
        pytest.skip(f"{schemas.CRD_VARIABLE} names no CRD")
    for manifest in manifests(values):
        if manifest["kind"] == "RayCluster":
            jsonschema.validate(manifest, schemas.crd_schema(crd))


def test_the_checkers_see_a_mistake() -> None:
    cluster = next(one for one in manifests(ALL) if one["kind"] == "RayCluster")
    cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(jsonschema.ValidationError):
        schemas.check(cluster)
    crd = schemas.crd_path()
    if crd is not None:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(cluster, schemas.crd_schema(crd))


def test_every_value_says_what_it_is_for() -> None:
    assert [path for path, _, comment in leaves() if not comment] == []


@pytest.mark.parametrize("path", [path for path, _, _ in leaves()])
def test_a_typo_in_any_value_is_refused(path: str) -> None:
    with pytest.raises(HelmError, match="additional properties"):
        texts(merged(ALL, at(path + "x", "typo")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("images.api.tag", "latest"),
        ("images.api.digest", "sha256:12"),
        ("s3.endpoint", "minio:9000"),
        ("s3.prefix", "team"),
        ("api.replicas", "two"),
        ("api.replicas", -1),
        ("api.service.port", 70000),
        ("api.service.type", "ExternalName"),
        ("settings.logLevel", "VERBOSE"),
        ("settings.partBytes", 1024),
        ("ray.gpu.minReplicas", 0),
        ("ray.version", "nightly"),
        ("ray.cpu.resources", {"limit": {"cpu": 1}}),
        ("api.tmpSize", "2 GB"),
        ("networkPolicy.api.from", [{"podSelecter": {}}]),
        ("networkPolicy.kubernetesApi.ports", []),
        ("fullnameOverride", "Scotoma"),
        ("fullnameOverride", "a" * 41),
        ("database.existingSecret", "postgresql://user:password@host/db"),
    ],
)
def test_the_schema_refuses(path: str, value: Any) -> None:
    with pytest.raises(HelmError, match=path.split(".")[-1]):
        texts(merged(ALL, at(path, value)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("database.existingSecret", "")], "No database"),
        ([("postgresql.bundled", True), ("postgresql.existingSecret", "pg")], "choose one database"),
        ([("postgresql.bundled", True), ("database.existingSecret", "")], "postgresql.bundled needs"),
        ([("s3.bundled", True)], "exclude each other: choose one object storage"),
        ([("s3.bundled", True), ("s3.endpoint", ""), ("s3.existingSecret", "")], "s3.bundled needs"),
        ([("s3.createBucket", True), ("migration.enabled", False)], "s3.createBucket needs migration.enabled"),
        ([("settings.leaseSeconds", 29)], "at least three times settings.heartbeatSeconds"),
        ([("api.ingress.enabled", True)], "api.ingress.enabled needs api.ingress.host"),
        ([("api.ingress.enabled", True), ("api.ingress.host", "a.test")], "API keys travel in headers"),
        ([("api.autoscaling.minReplicas", 9)], "api.autoscaling.minReplicas is larger"),
        ([("ray.cpu.minReplicas", 9)], "ray.cpu.minReplicas is larger"),
        ([("ray.gpu.replicas", 9)], "ray.gpu.replicas must lie between"),
        ([("ray.gcs.existingSecret", "r")], "set ray.gcs.redisAddress too"),
        ([("ray.autoscaling.enabled", False), ("ray.cpu.replicas", 0), ("ray.cpu.minReplicas", 0)], "no stage"),
        ([("nameOverride", "a" * 40)], "too long for Ray's suffixes"),
    ],
)  # fmt: skip
def test_bad_combinations_are_refused_with_words(changes: list[tuple[str, Any]], message: str) -> None:
    with pytest.raises(HelmError, match=message):
        texts(merged(EXTERNAL, *(at(path, value) for path, value in changes)))


def test_without_values_the_chart_says_what_it_needs() -> None:
    with pytest.raises(HelmError, match="No database: set"):
        texts({})


def test_the_schema_knows_exactly_the_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) == {*values, "global"}
    jsonschema.Draft202012Validator.check_schema(schema)
    assert _open_groups(schema, Path()) == []


def _open_groups(node: dict[str, Any], path: Path) -> list[str]:
    """Groups that accept names they do not know."""
    found = []
    for name, below in node.get("properties", {}).items():
        if "properties" in below:
            found += [] if below.get("additionalProperties") is False else [str(path / name)]
            found += _open_groups(below, path / name)
    return found
