"""Alerts and dashboard speak of metrics that the code has, with labels that it sets."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.api.middleware import HttpMetrics
from services.db.tables import JobState
from services.observability import Metrics
from tests.builders.charts import CHART, EVERYTHING, EXTERNAL, ROOT, manifests, merged, named, of_kind
from tests.builders.network_policies import selects

ALL = merged(EXTERNAL, EVERYTHING)
NAME = re.compile(r"\b((?:audit|scotoma)_[a-z_]+)(?:\{([^}]*)\})?")
FROM_PROMETHEUS = {"namespace"}
"""Labels that the Prometheus operator adds to every series."""


def series() -> dict[str, set[str]]:
    """Every series that API and dispatcher expose, with its labels."""
    registry = CollectorRegistry()
    http = HttpMetrics(registry)
    http.requests.labels("GET", "/", "200").inc()
    http.seconds.labels("GET", "/").observe(1)
    metrics = Metrics()
    metrics.jobs.labels(JobState.DONE).inc()
    metrics.stage_duration.labels("stage").observe(1)
    metrics.attempts.labels("ended").inc()
    metrics.intake_rejections.labels("reason").inc()
    metrics.gates.labels("pass").inc()
    metrics.deliveries.labels("webhook", "delivered").inc()
    metrics.webhook_deliveries.labels("delivered").inc()
    metrics.collections.labels("done").inc()
    found: dict[str, set[str]] = {}
    for one in (registry, metrics.registry):
        for family in one.collect():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> list[tuple[str, str]]:
    (rule,) = of_kind(manifests(ALL), "PrometheusRule")
    alerts = [(one["alert"], one["expr"]) for group in rule["spec"]["groups"] for one in group["rules"]]
    return alerts + [(panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel["targets"]]


def dashboard() -> dict[str, Any]:
    (document,) = of_kind(manifests(ALL), "ConfigMap")
    board: dict[str, Any] = json.loads(document["data"]["rel-scotoma.json"])
    return board


@pytest.mark.parametrize(("name", "expression"), expressions())
def test_a_metric_that_is_asked_for_exists(name: str, expression: str) -> None:
    known = series()
    used = NAME.findall(expression)
    assert used, name
    for metric, conditions in used:
        assert metric in known, metric
        labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", conditions))
        assert labels <= known[metric] | FROM_PROMETHEUS, metric
        assert "namespace" in labels, "another release's numbers would be mixed in"
    for grouping in re.findall(r"by \(([^)]*)\)", expression):
        assert set(grouping.replace(" ", "").split(",")) <= set().union(*(known[metric] for metric, _ in used))


@pytest.mark.parametrize(("name", "expression"), expressions())
def test_an_expression_is_balanced(name: str, expression: str) -> None:
    for left, right in ("()", "{}", "[]"):
        assert expression.count(left) == expression.count(right), name
    assert "$mine" not in expression


def test_states_in_alerts_are_states_of_jobs() -> None:
    for _, expression in expressions():
        for state in re.findall(r'state="([a-z]+)"', expression):
            assert state in set(JobState)


def test_every_alert_names_a_runbook_that_is_there() -> None:
    (rule,) = of_kind(manifests(ALL), "PrometheusRule")
    for group in rule["spec"]["groups"]:
        for alert in group["rules"]:
            assert (ROOT / alert["annotations"]["runbook"]).is_file(), alert["alert"]
            assert alert["labels"]["severity"] in {"warning", "critical"}
            assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
            assert alert["alert"] in (ROOT / alert["annotations"]["runbook"]).read_text()


def test_every_metric_of_the_dispatcher_is_on_the_dashboard() -> None:
    shown = {re.sub("_(total|bucket|count|sum)$", "", m) for _, e in expressions() for m, _ in NAME.findall(e)}
    families = {family.name for family in Metrics().registry.collect()}
    assert families <= shown


def test_monitors_find_ports_that_exist() -> None:
    documents = manifests(ALL)
    (pod_monitor,) = of_kind(documents, "PodMonitor")
    dispatcher = named(documents, "Deployment", "dispatcher")["spec"]["template"]
    assert selects(pod_monitor["spec"]["selector"], dispatcher["metadata"]["labels"])
    ports = {port["name"] for port in dispatcher["spec"]["containers"][0]["ports"]}
    assert {end["port"] for end in pod_monitor["spec"]["podMetricsEndpoints"]} <= ports
    (service_monitor,) = of_kind(documents, "ServiceMonitor")
    service = named(documents, "Service", "api")
    assert selects(service_monitor["spec"]["selector"], service["metadata"]["labels"])
    assert {end["port"] for end in service_monitor["spec"]["endpoints"]} <= {
        p["name"] for p in service["spec"]["ports"]
    }


def test_monitoring_alone_makes_documents_that_parse() -> None:
    for part, kind in (("prometheusRule", "PrometheusRule"), ("dashboard", "ConfigMap")):
        documents = manifests(merged(EXTERNAL, {"monitoring": {part: {"enabled": True}}}))
        assert len(of_kind(documents, kind)) == 1


def test_panels_do_not_overlap() -> None:
    spots = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard()["panels"]]
    assert len(set(spots)) == len(spots)
    assert (CHART / "files/dashboard.json").stat().st_size < 2**20
