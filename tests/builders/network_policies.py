"""What NetworkPolicies mean: whether one pod may open a connection to a port of another (Kubernetes API reference)."""

from __future__ import annotations

from typing import Any

from .charts import Manifest

Labels = dict[str, str]


def selects(selector: dict[str, Any], labels: Labels) -> bool:
    """Whether a label selector matches; the empty one matches all."""
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(_holds(rule, labels) for rule in selector.get("matchExpressions", []))


def _holds(rule: dict[str, Any], labels: Labels) -> bool:
    value = labels.get(rule["key"])
    if rule["operator"] == "In":
        return value in rule["values"]
    raise NotImplementedError(rule["operator"])


def may_connect(policies: list[Manifest], source: Labels, target: Labels, port: int) -> bool:
    """Whether ``source`` may leave and ``target`` may be entered, both in the namespace of ``policies``, over TCP."""
    out = _allowed(policies, "Egress", source, target, port)
    return out and _allowed(policies, "Ingress", target, source, port)


def may_leave(policies: list[Manifest], source: Labels, port: int) -> bool:
    """Whether ``source`` may reach ``port`` of some address outside of the cluster."""
    return _allowed(policies, "Egress", source, None, port)


def _allowed(policies: list[Manifest], direction: str, subject: Labels, other: Labels | None, port: int) -> bool:
    """Without a policy for ``subject`` everything is allowed; with any, only what one of them allows."""
    mine = [policy["spec"] for policy in policies if direction in policy["spec"]["policyTypes"]]
    mine = [spec for spec in mine if selects(spec["podSelector"], subject)]
    peers, rules = ("to", "egress") if direction == "Egress" else ("from", "ingress")
    return not mine or any(
        _opens(rule.get("ports"), port) and _names(rule.get(peers), other)
        for spec in mine
        for rule in spec.get(rules, [])
    )


def _opens(ports: list[dict[str, Any]] | None, port: int) -> bool:
    return not ports or any(entry["port"] == port and entry.get("protocol", "TCP") == "TCP" for entry in ports)


def _names(peers: list[dict[str, Any]] | None, other: Labels | None) -> bool:
    """Whether ``other`` is one of ``peers``; an address block stands for the outside."""
    if not peers:
        return True
    if other is None:
        return any("ipBlock" in peer for peer in peers)
    return any(
        "podSelector" in peer and "namespaceSelector" not in peer and selects(peer["podSelector"], other)
        for peer in peers
    )
