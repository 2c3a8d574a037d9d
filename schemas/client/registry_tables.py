"""Registries and their versions, for terminals."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from ..registries import Registry, RegistryVersion
from .session import table
from .terminal import plain


def registry_table(items: Sequence[Registry]) -> Table:
    """Registries in columns."""
    made = table("Id", "State", "Models", "Address", "Name")
    for item in items:
        made.add_row(item.id, _state(item), plain(", ".join(item.model_names)), plain(item.url), plain(item.name))
    return made


def registry_details(item: Registry) -> Table:
    """One registry, a line per fact."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts = {
        "name": item.name,
        "state": _state(item),
        "address": item.url,
        "webhook": item.events_url,
        "models": ", ".join(item.model_names),
        "dataset": item.dataset,
        "profile": item.config.profile,
        "policy": item.policy or "none",
        "baseline": item.baseline or "none",
        "results": "written to the registry" if item.log_results else "stay here",
        "alias": item.alias_on_pass or "none",
    }
    for name, value in facts.items():
        made.add_row(name, plain(value))
    return made


def version_table(items: Sequence[RegistryVersion]) -> Table:
    """Versions in columns, each with its audit or with why there is none."""
    made = table("Model", "Version", "State", "What became of it")
    for item in items:
        why = "" if item.problem is None else f"{item.problem.detail} {item.problem.advice}".strip()
        made.add_row(plain(item.model), item.version, item.state, item.audit or plain(why))
    return made


def _state(item: Registry) -> str:
    return "active" if item.disabled_at is None else "disabled"
