"""Scotoma in Prefect 3: a block with address and key, and a task that audits a model and holds it to a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.core import Block
from prefect.runtime import task_run
from pydantic import SecretStr
from scotoma.audits import AuditConfig
from scotoma.client import Client
from scotoma.client.pipelines import Conclusion, begin, conclude
from scotoma.datasets import AttributeSpec


class PolicyBroken(Exception):
    """The model does not keep the policy; ``conclusion`` says which rules."""

    def __init__(self, conclusion: Conclusion) -> None:
        super().__init__(f"policy {conclusion.outcome} for {conclusion.classifier}: {conclusion.broken}")
        self.conclusion = conclusion


class ScotomaService(Block):
    """Where the service is, and the API key (scope submitter)."""

    _block_type_name = "Scotoma service"
    _block_type_slug = "scotoma-service"

    url: str
    api_key: SecretStr

    def client(self) -> Client:
        """A client; close it after use."""
        return Client(self.url, self.api_key.get_secret_value())


@task(name="scotoma-audit", tags=["scotoma"])
def audit_model(
    service: ScotomaService,
    model: str,
    data: str,
    policy: str | None = None,
    *,
    folder: str | None = None,
    inconclusive: Literal["fail", "pass"] = "fail",
    classifier: str | None = None,
    config: dict[str, Any] | None = None,
    attributes: dict[str, dict[str, Any]] | None = None,
    timeout_seconds: float | None = None,
) -> Conclusion:
    """Audit a model, hold it to a policy, leave a Markdown artifact.

    A retry of the task finds the audit that its first try began.

    Args:
        service: the block.
        model: path of the ONNX file.
        data: path of the reference images.
        policy: path of the policy; none: the audit alone.
        folder: where report, result, JUnit XML and model card go.
        inconclusive: what a policy that the audit could not decide does to the flow.
        classifier: name of the classifier in the service; none: the file's.
        config: fields of the audit's configuration, such as ``{"profile": "standard"}``.
        attributes: kinds of columns, such as ``{"hue": {"kind": "circular", "period": 1.0}}``.
        timeout_seconds: how long to wait for the audit.

    Raises:
        PolicyBroken: the policy failed, or is inconclusive and that is a failure.
        ScotomaError: the audit failed, or the service did not answer.
        ValueError: ``inconclusive`` is neither.
    """
    if inconclusive not in ("fail", "pass"):  # Prefect checks the arguments of flows, not those of tasks
        raise ValueError("inconclusive is 'fail' or 'pass'")
    kinds = {name: AttributeSpec.model_validate(spec) for name, spec in (attributes or {}).items()}
    settings = AuditConfig.model_validate(config or {})
    run = f"prefect {task_run.get_id()}"
    with service.client() as client:
        audit = begin(client, model, data, run=run, name=classifier, config=settings, attributes=kinds)
        get_run_logger().info("audit %s is %s", audit.id, audit.state)
        client.wait(audit.id, timeout=timeout_seconds)
        conclusion = conclude(client, audit.id, policy=policy, folder=folder)
    create_markdown_artifact(_told(conclusion), key="scotoma-audit", description=f"Audit {audit.id}")
    if conclusion.stops(inconclusive):
        raise PolicyBroken(conclusion)
    return conclusion


def _told(conclusion: Conclusion) -> str:
    card = conclusion.files.get("model_card")
    if card is not None:
        return Path(card).read_text(encoding="utf-8")
    lines = [f"- `{feature}`: {verdict}" for feature, verdict in conclusion.verdicts.items()]
    return "\n".join([f"## Audit {conclusion.audit}", f"Policy: {conclusion.outcome or 'none'}", "", *lines])
