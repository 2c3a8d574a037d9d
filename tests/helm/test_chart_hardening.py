"""Promises about every container of every release: who it runs as, what it may write, where its secrets come from."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.builders.charts import (
    BUNDLED,
    EVERYTHING,
    EXTERNAL,
    Manifest,
    Values,
    at,
    manifests,
    merged,
    of_kind,
    pod_templates,
)
from tests.builders.network_policies import selects

VARIANTS = [EXTERNAL, BUNDLED, merged(EXTERNAL, EVERYTHING), merged(BUNDLED, EVERYTHING)]


def pods(values: Values) -> list[tuple[str, dict[str, Any]]]:
    return [(name, template["spec"]) for name, template in pod_templates(manifests(values))]


def containers(values: Values) -> list[tuple[str, dict[str, Any]]]:
    return [(name, one) for name, spec in pods(values) for one in spec.get("initContainers", []) + spec["containers"]]


@pytest.mark.parametrize("values", VARIANTS)
def test_every_container_is_confined(values: Values) -> None:
    for name, container in containers(values):
        assert container["securityContext"] == {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }, name


@pytest.mark.parametrize("values", VARIANTS)
def test_every_pod_runs_as_a_number_with_a_system_call_filter(values: Values) -> None:
    for name, spec in pods(values):
        assert spec["securityContext"]["runAsUser"] >= 999, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec), name
        assert (
            not any("hostPath" in volume for volume in spec["volumes"] if "name" in volume) if "volumes" in spec else 1
        )


def test_the_autoscaler_is_confined_as_well() -> None:
    (cluster,) = of_kind(manifests(EXTERNAL), "RayCluster")
    assert cluster["spec"]["autoscalerOptions"]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("values", VARIANTS)
def test_only_the_ray_head_has_a_kubernetes_token(values: Values) -> None:
    for name, spec in pods(values):
        assert spec.get("automountServiceAccountToken", True) is name.endswith("/head"), name
    off = merged(values, at("ray.autoscaling.enabled", value=False))
    assert all(spec["automountServiceAccountToken"] is False for _, spec in pods(off))


@pytest.mark.parametrize("values", VARIANTS)
def test_every_container_has_memory_limits_and_a_pinned_image(values: Values) -> None:
    for name, container in containers(values):
        assert "memory" in container["resources"]["limits"], name
        assert re.search(r":[\w.-]+$|@sha256:[0-9a-f]{64}$", container["image"]), name
        assert not container["image"].endswith(":latest"), name


@pytest.mark.parametrize("values", VARIANTS)
def test_what_is_mounted_exists_and_tmp_is_writable(values: Values) -> None:
    for document in manifests(values):
        claims = [c["metadata"]["name"] for c in document.get("spec", {}).get("volumeClaimTemplates", [])]
        for name, template in pod_templates([document]):
            spec = template["spec"]
            volumes = {volume["name"] for volume in spec.get("volumes", [])} | set(claims)
            for container in spec["containers"]:
                mounts = container.get("volumeMounts", [])
                assert {mount["name"] for mount in mounts} <= volumes, name
                assert "stranger" in container["name"] or "/tmp" in {mount["mountPath"] for mount in mounts}, name


@pytest.mark.parametrize("values", VARIANTS)
def test_secrets_are_named_and_never_written(values: Values) -> None:
    documents = manifests(values)
    assert of_kind(documents, "Secret") == []
    for name, container in containers(values):
        for entry in container.get("env", []):
            if re.search("PASSWORD|TOKEN|SECRET|ACCESS_KEY", entry["name"]):
                assert set(entry) == {"name", "valueFrom"}, (name, entry["name"])
    urls = re.findall(r"[a-z]+://[^\s\"]*:([^@\s\"]+)@", json.dumps(documents))
    assert set(urls) <= {"$(POSTGRES_PASSWORD)"}


def test_a_variable_is_defined_before_it_is_used_in_another() -> None:
    for name, container in containers(BUNDLED):
        names = [entry["name"] for entry in container.get("env", [])]
        if "POSTGRES_PASSWORD" in names and "SCOTOMA_DATABASE_URL" in names:
            assert names.index("POSTGRES_PASSWORD") < names.index("SCOTOMA_DATABASE_URL"), name


@pytest.mark.parametrize("values", VARIANTS)
def test_pods_of_ray_carry_no_secret_of_ours(values: Values) -> None:
    for name, container in containers(values):
        if name.startswith("RayCluster/"):
            assert "env" not in container
            assert "envFrom" not in container


@pytest.mark.parametrize("values", VARIANTS)
def test_every_selector_finds_pods_of_the_release(values: Values) -> None:
    documents = manifests(values)
    labels = [template["metadata"]["labels"] for _, template in pod_templates(documents)]
    for document in documents:
        for selector in _selectors(document):
            assert any(selects(selector, pod) for pod in labels), document["metadata"]["name"]


def _selectors(document: Manifest) -> list[dict[str, Any]]:
    spec = document.get("spec", {})
    if document["kind"] == "Service":
        return [{"matchLabels": spec["selector"]}]
    if document["kind"] in {"Deployment", "StatefulSet", "PodDisruptionBudget", "PodMonitor"}:
        return [spec["selector"]]
    return []


@pytest.mark.parametrize("values", VARIANTS)
def test_no_label_is_taken_from_kuberay(values: Values) -> None:
    """KubeRay finds the head by ``app.kubernetes.io/name`` and its own labels; whoever sets them breaks that."""
    for name, template in pod_templates(manifests(values)):
        if name.startswith("RayCluster/"):
            labels = template["metadata"]["labels"]
            assert "app.kubernetes.io/name" not in labels
            assert not any(key.startswith("ray.io/") for key in labels)


@pytest.mark.parametrize("values", VARIANTS)
def test_every_account_that_a_pod_uses_is_made(values: Values) -> None:
    made = {account["metadata"]["name"] for account in of_kind(manifests(values), "ServiceAccount")}
    used = {spec["serviceAccountName"] for _, spec in pods(values) if "serviceAccountName" in spec}
    assert used == made
