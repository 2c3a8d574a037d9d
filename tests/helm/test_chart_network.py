"""Who may talk to whom: the policies, read as Kubernetes reads them, for every pair of pods."""

from __future__ import annotations

import ipaddress
from itertools import product

import pytest

from tests.builders.charts import (
    BUNDLED,
    EVERYTHING,
    EXTERNAL,
    Values,
    at,
    manifests,
    merged,
    named,
    of_kind,
    pod_templates,
)
from tests.builders.network_policies import Labels, may_connect, may_leave, selects

RAY_PORTS = (6379, 8265, 10001, 8080, 52365, 10002, 19999, 44217, 8076, 8077)
RAY = {"ray-head", "ray-worker", "dispatcher"}
VARIANTS = [EXTERNAL, BUNDLED, merged(EXTERNAL, EVERYTHING), merged(BUNDLED, EVERYTHING)]
STRANGER = {"app": "stranger"}
PART = "app.kubernetes.io/component"


def labels_of(values: Values) -> dict[str, Labels]:
    """Labels of every pod of the release by component, as KubeRay leaves them, and a stranger's."""
    found = {"stranger": STRANGER}
    for name, template in pod_templates(manifests(values)):
        labels = template["metadata"]["labels"]
        found[labels.get(PART, name)] = labels
    return found


def policies(values: Values) -> list[dict[str, object]]:
    return of_kind(manifests(values), "NetworkPolicy")


@pytest.mark.parametrize("values", VARIANTS)
def test_ray_is_closed_to_everyone_but_ray_and_the_dispatcher(values: Values) -> None:
    pods, rules = labels_of(values), policies(values)
    assert set(pods) > RAY
    for (source, labels), target, port in product(pods.items(), RAY, RAY_PORTS):
        assert may_connect(rules, labels, pods[target], port) == (source in RAY), (source, target, port)


@pytest.mark.parametrize("values", VARIANTS)
def test_the_test_pod_is_a_stranger(values: Values) -> None:
    pods, rules = labels_of(values), policies(values)
    probe = pods["Pod/rel-scotoma-test-ports-closed"]
    assert may_leave(rules, probe, 6379)
    assert may_connect(rules, probe, pods["api"], 8000)
    assert not any(may_connect(rules, probe, pods[part], port) for part, port in product(RAY, RAY_PORTS))


@pytest.mark.parametrize("values", VARIANTS)
def test_the_api_is_entered_on_its_port_only(values: Values) -> None:
    pods, rules = labels_of(values), policies(values)
    assert may_connect(rules, STRANGER, pods["api"], 8000)
    assert not any(may_connect(rules, STRANGER, pods["api"], port) for port in (22, 80, 8001, 9100))


def test_the_api_can_be_closed_to_strangers() -> None:
    values = merged(EXTERNAL, at("networkPolicy.api.from", [{"podSelector": {"matchLabels": {"app": "gate"}}}]))
    rules, api = policies(values), labels_of(values)["api"]
    assert not may_connect(rules, STRANGER, api, 8000)
    assert may_connect(rules, {"app": "gate"}, api, 8000)
    (container,) = named(manifests(values), "Pod", "test-ports-closed")["spec"]["containers"]
    assert container["args"][-1] == "--"


@pytest.mark.parametrize("values", VARIANTS)
def test_the_database_is_for_three_parts_and_storage_for_five(values: Values) -> None:
    pods, rules = labels_of(values), policies(values)
    bundled = "postgresql" in pods
    for part in ("api", "dispatcher", "migration", "ray-head", "ray-worker"):
        allowed = part in {"api", "dispatcher", "migration"}
        if bundled:
            assert may_connect(rules, pods[part], pods["postgresql"], 5432) == allowed
            assert may_connect(rules, pods[part], pods["s3"], 8333)
        else:
            assert may_leave(rules, pods[part], 5432) == allowed
            assert may_leave(rules, pods[part], 443)
    if bundled:
        assert not may_connect(rules, STRANGER, pods["postgresql"], 5432)
        assert not may_connect(rules, STRANGER, pods["s3"], 8333)
        assert not may_leave(rules, pods["postgresql"], 443)


def test_the_port_of_the_storage_is_that_of_its_url() -> None:
    for url, port in (("http://s3.test", 80), ("https://s3.test", 443), ("http://minio.ns:9000", 9000), ("", 443)):
        values = merged(EXTERNAL, at("s3.endpoint", url))
        rules, worker = policies(values), labels_of(values)["ray-worker"]
        assert [p for p in (80, 443, 9000) if may_leave(rules, worker, p)] == [port]


@pytest.mark.parametrize("values", VARIANTS)
def test_workers_reach_neither_kubernetes_nor_the_world(values: Values) -> None:
    pods, rules = labels_of(values), policies(values)
    assert not any(may_leave(rules, pods["ray-worker"], port) for port in (22, 25, 80, 6443, 8443, 6380))
    assert may_leave(rules, pods["ray-head"], 6443)


def test_without_the_autoscaler_the_head_does_not_reach_kubernetes() -> None:
    values = merged(EXTERNAL, at("ray.autoscaling.enabled", value=False))
    assert not may_leave(policies(values), labels_of(values)["ray-head"], 6443)


def test_metrics_are_for_those_who_are_named() -> None:
    pods, rules = labels_of(EXTERNAL), policies(EXTERNAL)
    assert not may_connect(rules, {"app": "prometheus"}, pods["dispatcher"], 9100)
    values = merged(
        EXTERNAL, at("networkPolicy.monitoring.from", [{"podSelector": {"matchLabels": {"app": "prometheus"}}}])
    )
    rules = policies(values)
    assert may_connect(rules, {"app": "prometheus"}, pods["dispatcher"], 9100)
    assert not any(may_connect(rules, {"app": "prometheus"}, pods["dispatcher"], port) for port in RAY_PORTS)


@pytest.mark.parametrize("values", VARIANTS)
def test_every_policy_is_about_pods_of_the_release(values: Values) -> None:
    pods = labels_of(values)
    for policy in policies(values):
        hit = {part for part, labels in pods.items() if selects(policy["spec"]["podSelector"], labels)}
        assert hit, policy["metadata"]["name"]
        assert "stranger" not in hit


@pytest.mark.parametrize("values", VARIANTS)
def test_nothing_is_left_without_a_policy(values: Values) -> None:
    rules = policies(values)
    for part, labels in labels_of(values).items():
        walled = any(
            selects(rule["spec"]["podSelector"], labels)
            and not rule["spec"].get("ingress")
            and not rule["spec"].get("egress")
            for rule in rules
        )
        assert walled == (part not in {"stranger", "Pod/rel-scotoma-test-ports-closed"})


def test_two_releases_in_a_namespace_stay_apart() -> None:
    pods, rules = labels_of(EXTERNAL), policies(EXTERNAL)
    foreign = {**pods["dispatcher"], "app.kubernetes.io/instance": "other"}
    assert not may_connect(rules, foreign, pods["ray-head"], 6379)


@pytest.mark.parametrize("values", VARIANTS)
def test_webhooks_leave_from_the_dispatcher_alone(values: Values) -> None:
    pods, rules = labels_of(values), policies(values)
    assert {part for part in pods if part != "stranger" and may_leave(rules, pods[part], 8443)} - {
        "Pod/rel-scotoma-test-ports-closed"
    } == {"dispatcher"}


def test_the_api_reaches_the_issuer_where_there_is_one() -> None:
    for issuer in ("", "https://id.test"):
        values = merged(EXTERNAL, at("settings.oidcIssuer", issuer))
        assert may_leave(policies(values), labels_of(values)["api"], 8443) == (issuer != "")


def test_the_way_out_leads_to_public_addresses_only() -> None:
    """What the service refuses by itself (services/outbound), the network refuses too."""
    rule = named(manifests(EXTERNAL), "NetworkPolicy", "to-outside")["spec"]["egress"][0]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    for address in (
        "10.1.2.3",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "fd00::1",
        "fe80::1",
        "::1",
        "64:ff9b::a00:1",
    ):
        assert not any(_in(address, block) for block in blocks), address
    for address in ("93.184.216.34", "2606:2800:220:1::1"):
        assert any(_in(address, block) for block in blocks), address


def _in(address: str, block: dict[str, object]) -> bool:
    ip = ipaddress.ip_address(address)
    network, holes = ipaddress.ip_network(str(block["cidr"])), [ipaddress.ip_network(one) for one in block["except"]]  # type: ignore[attr-defined]
    return ip in network and not any(ip in hole for hole in holes)
