"""An audit as one step of somebody's pipeline: begun once however often the step is tried, told in a few words.

The operators and tasks in ``deploy/pipelines`` are made of these three functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from ..audits import Audit, AuditConfig
from ..classifiers import InputSpec
from ..datasets import AttributeSpec
from ..policies import Outcome, PolicyReport
from ..policies.check import check
from ..results import AuditResult
from ..scalars import Contract, Identifier
from .client import Client
from .policies.document import read_policy
from .policies.junit import junit
from .policies.markdown import model_card


class Conclusion(Contract):
    """What a pipeline needs to know of an audit that succeeded; small enough for any orchestrator's messages.

    ``outcome``: of the policy, ``None`` without one. ``verdicts``: of each feature at the logits. ``broken``: rules
    that did not pass, with the reason. ``files``: what was written, by kind.
    """

    audit: Identifier
    classifier: str
    outcome: Outcome | None
    verdicts: dict[str, str]
    broken: list[str]
    files: dict[str, str]

    def stops(self, inconclusive: str) -> bool:
        """Whether the release stops: the policy failed, or is inconclusive and that is anything but a ``pass``."""
        undecided = self.outcome is Outcome.INCONCLUSIVE and inconclusive != "pass"
        return self.outcome is Outcome.FAIL or undecided


def begin(
    client: Client,
    model: Path | str,
    data: Path | str,
    *,
    run: str,
    name: str | None = None,
    config: AuditConfig | None = None,
    classes: list[str] | None = None,
    input: InputSpec | None = None,
    attributes: Mapping[str, AttributeSpec] | None = None,
) -> Audit:
    """Push both files and queue an audit.

    Args:
        client: of the service.
        model: the ONNX file.
        data: the reference images.
        run: names this run of the pipeline's step: the same run, tried again, is the same audit.
        name: of the classifier, for people; audits of the same name are its versions.
        config: everything that changes the numbers.
        classes: names of the classes.
        input: how the classifier wants its input.
        attributes: kinds of the dataset's columns.

    Raises:
        IntakeRefused: a file cannot be audited.
        ServiceError: the service refused the request.
        Unreachable: the service did not answer.
    """
    classifier = client.push_classifier(model, name=name, classes=classes, input=input)
    dataset = client.push_dataset(data, attributes=attributes)
    client.wait_for_intake(classifier)
    client.wait_for_intake(dataset)
    key = hashlib.sha256(run.encode()).hexdigest()
    return client.submit_audit(classifier.id, dataset.id, config=config, idempotency_key=key)


def conclude(
    client: Client,
    audit: str,
    *,
    policy: Path | str | None = None,
    earlier: Mapping[str, AuditResult] | None = None,
    folder: Path | str | None = None,
) -> Conclusion:
    """Read the result of an audit that succeeded, hold it to a policy, and keep its files.

    Args:
        client: of the service.
        audit: its id.
        policy: a policy file; none: nothing is held to anything.
        earlier: results by the names that rules of the policy give them.
        folder: where report, result, JUnit XML and model card go; none: nowhere.

    Raises:
        PolicyUnreadable: the file is no policy.
        ServiceError: there is no result.
        OSError: a file cannot be written.
    """
    result = client.result(audit)
    report = None
    if policy is not None:
        file = read_policy(Path(policy))
        report = check(file.policy, result, earlier or {}, file.lines)
    files = {} if folder is None else _written(client, audit, result, report, Path(folder))
    return Conclusion(
        audit=audit,
        classifier=result.classifier.name,
        outcome=None if report is None else report.outcome,
        verdicts={found.feature: found.verdict.value for found in result.findings if found.tap == "logits"},
        broken=_broken(report),
        files=files,
    )


def _broken(report: PolicyReport | None) -> list[str]:
    rules = [] if report is None else report.rules
    return [f"{rule.sentence}: {rule.why}" for rule in rules if rule.outcome is not Outcome.PASS]


def _written(
    client: Client, audit: str, result: AuditResult, report: PolicyReport | None, folder: Path
) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "report": ("report.html", client.report(audit).encode()),
        "result": ("result.json", client.result_json(audit)),
    }
    if report is not None:
        contents["junit"] = ("policy.xml", junit(report))
        contents["policy"] = ("policy.json", report.model_dump_json(indent=2).encode())
        contents["model_card"] = ("model-card.md", model_card(result, report).encode())
    for name, content in contents.values():
        (folder / name).write_bytes(content)
    return {kind: str(folder / name) for kind, (name, _) in contents.items()}
