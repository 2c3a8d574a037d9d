"""Runs in KFP's own environment: the component as a local pipeline of subprocesses. Prints what came of it as JSON.

KFP reads annotations as they are written: no import from the future here.
"""

import json
import os
from pathlib import Path

from kfp import compiler, dsl, local
from scotoma_kfp import scotoma_audit

CASE = json.loads(os.environ["SCOTOMA_CASE"])


@dsl.component(base_image="python:3.12")
def bring(path: str, file: dsl.Output[dsl.Model]):
    """A file as an artifact."""
    import shutil

    shutil.copyfile(path, file.path)


@dsl.component(base_image="python:3.12")
def bring_data(path: str, file: dsl.Output[dsl.Dataset]):
    """A file as an artifact."""
    import shutil

    shutil.copyfile(path, file.path)


@dsl.pipeline
def release(model: str, data: str, policy: str) -> str:
    """Audit one model."""
    told = scotoma_audit(
        model=bring(path=model).outputs["file"],
        data=bring_data(path=data).outputs["file"],
        policy=policy,
        run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        attributes={"hue": {"kind": "circular", "period": 1.0}},
    )
    return told.outputs["Output"]


if __name__ == "__main__":
    compiler.Compiler().compile(scotoma_audit, "component.yaml")
    compiler.Compiler().compile(release, "pipeline.yaml")
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root="outputs")
    try:
        done = release(**{**CASE, "policy": Path(CASE["policy"]).read_text()})
        print("TOLD", json.dumps({"state": "success", "told": done.outputs["Output"]}))
    except RuntimeError:  # a task failed
        print("TOLD", json.dumps({"state": "failed", "told": None}))
