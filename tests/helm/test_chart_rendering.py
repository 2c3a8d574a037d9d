"""The chart through Helm's own engine: lint, hooks, and what each group of values makes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.builders.charts import (
    BUNDLED,
    CHART,
    EVERYTHING,
    EXTERNAL,
    FULLNAME,
    ROOT,
    Values,
    at,
    lint,
    manifests,
    merged,
    named,
    of_kind,
    texts,
)

ALL = merged(EXTERNAL, EVERYTHING)


@pytest.mark.parametrize("values", [EXTERNAL, BUNDLED, ALL, merged(BUNDLED, EVERYTHING)])
def test_helm_lint_has_nothing_to_say(values: Values) -> None:
    assert lint(values) == []


def test_a_plain_release_holds_these_resources_and_no_others() -> None:
    made = sorted(f"{one['kind']}/{one['metadata']['name']}" for one in manifests(EXTERNAL))
    name = FULLNAME
    assert made == sorted(
        [
            *(f"{kind}/{name}-api" for kind in ("Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service")),
            *(f"ServiceAccount/{name}-{part}" for part in ("api", "dispatcher", "ray-worker")),
            *(f"NetworkPolicy/{name}-{part}" for part in ("autoscaler", "default-deny", "dns", "ray", "to-database")),
            f"NetworkPolicy/{name}-to-s3",
            f"NetworkPolicy/{name}-to-outside",
            f"Deployment/{name}-dispatcher",
            f"Job/{name}-migration",
            f"Pod/{name}-test-ports-closed",
            f"RayCluster/{name}",
        ]
    )


def test_every_resource_lives_in_the_release_and_says_so() -> None:
    for document in manifests(ALL):
        assert document["metadata"]["namespace"] == "ns"
        labels = document["metadata"]["labels"]
        stranger = labels.get("app.kubernetes.io/name") == "scotoma-stranger"
        assert stranger or labels["app.kubernetes.io/managed-by"] == "Helm"


def test_the_migration_runs_after_the_install_and_before_an_upgrade() -> None:
    job = named(manifests(EXTERNAL), "Job", "migration")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "services.cli.install", "prepare"]


def test_without_hooks_each_revision_has_its_own_migration() -> None:
    values = merged(EXTERNAL, at("migration.hook", value=False))
    job = named(manifests(values, revision=7, is_upgrade=True), "Job", "migration-7")
    assert "annotations" not in job["metadata"]


def test_the_migration_needs_nothing_that_the_upgrade_has_yet_to_make() -> None:
    """A pre-upgrade hook sees the resources of the release before."""
    text = json.dumps(named(manifests(ALL), "Job", "migration"))
    assert "configMap" not in text


def test_the_api_takes_traffic_only_when_ready() -> None:
    (container,) = named(manifests(EXTERNAL), "Deployment", "api")["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_the_dispatcher_joins_the_cluster_as_a_node_without_processors() -> None:
    (container,) = named(manifests(EXTERNAL), "Deployment", "dispatcher")["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    assert 'ray start --address="$SCOTOMA_RAY_ADDRESS" --num-cpus=0 --num-gpus=0' in script
    environment = {entry["name"]: entry for entry in container["env"]}
    assert environment["SCOTOMA_RAY_ADDRESS"]["value"] == f"{FULLNAME}-head-svc:6379"
    assert environment["RAY_AUTH_MODE"]["value"] == "token"
    assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": FULLNAME, "key": "auth_token"}


def test_dispatcher_and_cluster_take_the_token_from_one_secret() -> None:
    documents = manifests(ALL)
    (container,) = named(documents, "Deployment", "dispatcher")["spec"]["template"]["spec"]["containers"]
    token = next(entry for entry in container["env"] if entry["name"] == "RAY_AUTH_TOKEN")
    options = named(documents, "RayCluster", "")["spec"]["authOptions"]
    assert options == {"mode": "token", "secretName": token["valueFrom"]["secretKeyRef"]["name"]}


def test_ray_asks_for_a_token_whatever_the_values() -> None:
    for values in (EXTERNAL, BUNDLED, ALL):
        assert named(manifests(values), "RayCluster", "")["spec"]["authOptions"]["mode"] == "token"


def test_gpu_workers_have_the_gpu_image_and_ask_for_gpus() -> None:
    cluster = named(manifests(merged(ALL, at("ray.gpu.gpus", 2))), "RayCluster", "")
    (group,) = [group for group in cluster["spec"]["workerGroupSpecs"] if group["groupName"] == "gpu"]
    (container,) = group["template"]["spec"]["containers"]
    assert container["image"] == "scotoma-worker-cuda:0.1.0"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert group["minReplicas"] >= 1


def test_the_environment_is_one_that_the_service_reads() -> None:
    from services.settings import PREFIX, Settings, load_settings

    for values in (EXTERNAL, BUNDLED):
        for part in ("api", "dispatcher"):
            (container,) = named(manifests(values), "Deployment", part)["spec"]["template"]["spec"]["containers"]
            given = {entry["name"]: entry.get("value", "secret") for entry in container["env"]}
            mine = {name: value for name, value in given.items() if name.startswith(PREFIX)}
            assert {name.removeprefix(PREFIX).lower() for name in mine} <= set(Settings.model_fields)
            assert load_settings(mine).max_upload_bytes == 8589934592


def test_every_setting_of_the_service_can_be_reached() -> None:
    """A setting that is new in services/settings.py belongs into values.yaml (group settings) and its schema."""
    from services.settings import Settings

    wired = {"database_url", "api_host", "api_port", "ray_address", "metrics_port", "ready_file"}
    wired |= {
        "s3_endpoint",
        "s3_public_endpoint",
        "s3_bucket",
        "s3_access_key",
        "s3_secret_key",
        "s3_region",
        "s3_prefix",
        "secret_key",
        "signing_key",
        "openlineage_api_key",
    }
    values = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]
    snake = {"".join("_" + letter.lower() if letter.isupper() else letter for letter in name) for name in values}
    assert wired | snake == set(Settings.model_fields)
    for name, value in values.items():
        key = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
        assert Settings.model_fields[key].default == value, f"settings.{name} differs from the service's own default"


def test_no_ingress_leads_to_ray() -> None:
    (ingress,) = of_kind(manifests(ALL), "Ingress")
    assert [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]] == [
        {"name": f"{FULLNAME}-api", "port": {"name": "http"}}
    ]


def test_the_notes_name_commands_for_what_was_made() -> None:
    notes = texts(EXTERNAL)["NOTES.txt"]
    assert f"exec deploy/{FULLNAME}-api -- python -m services.cli.install key admin" in notes
    assert "WARNING" in texts(merged(EXTERNAL, at("networkPolicy.enabled", value=False)))["NOTES.txt"]
    assert "https://scotoma.test" in texts(ALL)["NOTES.txt"]


def test_the_readme_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import readme as r; c = r.CHART; t = (c / 'README.md').read_text();"
         " raise SystemExit(t != r.page(t, (c / 'values.yaml').read_text()))"],
        cwd=ROOT / "helm", check=False,
    )  # fmt: skip
    assert done.returncode == 0, "run: python helm/readme.py"


def test_the_chart_has_the_version_of_the_code() -> None:
    from schemas import __version__

    chart: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_ray_in_the_chart_is_ray_in_the_images() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert f"ray=={values['ray']['version']}" in (ROOT / "deploy/constraints.txt").read_text().splitlines()
