"""Scotoma in Kubeflow Pipelines 2: a component that audits a model artifact. ``python scotoma_kfp.py`` writes its YAML.

The pod needs ``SCOTOMA_URL`` and ``SCOTOMA_API_KEY``: set them from a secret with ``kfp.kubernetes.use_secret_as_env``.
"""

from kfp import compiler, dsl

IMAGE = "python:3.12-slim"
PACKAGE = "scotoma"


@dsl.component(base_image=IMAGE, packages_to_install=[PACKAGE])
def scotoma_audit(
    model: dsl.Input[dsl.Model],
    data: dsl.Input[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    result: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    policy: str = "",
    run: str = "",
    classifier: str = "model",
    data_format: str = "npz",
    profile: str = "quick",
    inconclusive: str = "fail",
    attributes: dict = {},  # noqa: B006 - a default of a component is a constant of its YAML
    timeout_seconds: float = 3600.0,
) -> str:
    """Audit ``model`` (one ONNX file) on ``data``, hold it to ``policy`` (the document's text), fail if it breaks it.

    ``run``: names this run, so that a retry finds its audit; pass ``dsl.PIPELINE_JOB_ID_PLACEHOLDER``. ``classifier``:
    its name in the service. ``data_format``: npz, zip or tar. ``inconclusive``: fail or pass, what a policy that the
    audit could not decide does to the run.

    Returns:
        pass, fail, inconclusive, or none without a policy.
    """
    import shutil
    import tempfile
    from pathlib import Path

    from scotoma.audits import AuditConfig
    from scotoma.client import Client
    from scotoma.client.pipelines import begin, conclude
    from scotoma.datasets import AttributeSpec

    if inconclusive not in ("fail", "pass"):
        raise SystemExit("inconclusive is 'fail' or 'pass'")
    folder = Path(tempfile.mkdtemp())
    rules, images = folder / "policy.yaml", folder / f"data.{data_format}"
    images.symlink_to(data.path)
    if policy:
        rules.write_text(policy, encoding="utf-8")
    kinds = {name: AttributeSpec.model_validate(spec) for name, spec in attributes.items()}
    with Client() as client:
        audit = begin(
            client, model.path, images, run=f"kfp {run} {model.uri}", name=classifier,
            config=AuditConfig.model_validate({"profile": profile}), attributes=kinds,
        )  # fmt: skip
        client.wait(audit.id, timeout=timeout_seconds)
        told = conclude(client, audit.id, policy=rules if policy else None, folder=folder)
    shutil.copyfile(told.files["report"], report.path)
    shutil.copyfile(told.files["result"], result.path)
    counts = {verdict: list(told.verdicts.values()).count(verdict) for verdict in set(told.verdicts.values())}
    for verdict, count in counts.items():
        metrics.log_metric(verdict, count)
    metrics.metadata["audit"] = told.audit
    outcome = told.outcome.value if told.outcome else "none"
    if told.stops(inconclusive):
        raise SystemExit(f"policy {outcome} for {told.classifier}: {told.broken}")
    return outcome


if __name__ == "__main__":
    compiler.Compiler().compile(scotoma_audit, "component.yaml")
