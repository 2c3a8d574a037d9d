"""Audits of the examples' classifiers by the real service: API, database, object storage and Ray, on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from schemas.audits import AuditConfig
from schemas.client import Client, ScotomaError
from schemas.client.progress import AuditProgress
from schemas.datasets import AttributeSpec
from schemas.results import AuditResult
from services.embedded.stack import Stack

DIGITS = tuple(str(digit) for digit in range(10))


def audited(
    models: Mapping[str, Path],
    data: Path,
    attributes: Mapping[str, AttributeSpec],
    config: AuditConfig,
    out: Path,
    console: Console,
    classes: Sequence[str] = DIGITS,
) -> dict[str, AuditResult]:
    """Audit each model on ``data``; leaves ``<name>.html`` and ``<name>.json`` in ``out``. ``classes``: its outputs.

    Raises:
        ScotomaError: a file was refused, or an audit failed.
    """
    with tempfile.TemporaryDirectory(prefix="scotoma-example-") as folder, Stack(Path(folder), port=0) as stack:
        stack.start(lambda name, seconds: console.print(f"  [green]✓[/] {name:<20} {seconds:6.1f} s"))
        with Client(stack.url, stack.api_key) as client:
            dataset = client.wait_for_intake(client.push_dataset(data, name=data.stem, attributes=dict(attributes)))
            return {
                name: _audit(client, dataset.id, name, model, classes, config, out, console)
                for name, model in models.items()
            }


def _audit(
    client: Client, dataset: str, name: str, model: Path, classes: Sequence[str], config: AuditConfig, out: Path,
    console: Console,
) -> AuditResult:  # fmt: skip
    classifier = client.wait_for_intake(client.push_classifier(model, name=model.name, classes=list(classes)))
    audit = client.submit_audit(classifier.id, dataset, name=name, config=config)
    with AuditProgress(console, audit) as view:
        for event in client.watch(audit.id):
            view.show(event)
    if (problem := client.audit(audit.id).problem) is not None:
        raise ScotomaError(f"the audit of {name} failed: {problem.detail}")
    (out / f"{name}.html").write_text(client.report(audit.id))
    (out / f"{name}.json").write_bytes(client.result_json(audit.id))
    return client.result(audit.id)
